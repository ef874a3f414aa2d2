# Runs the operations of a training step that px noted (a JSON file) in PyTorch: forward, backward, AdamW.
# Prints one line of JSON: version and seconds of each counted step. Usage: pytorch_step.py TRACE STEPS THREADS wall|cpu
#
# Losses are replaced by the mean square of every result that no operation reads, which is cheaper than those of px;
# masks, indices and constants are made before the clock starts.
import json
import math
import sys
import time

import torch
import torch.nn.functional as F

with open(sys.argv[1]) as file:
    trace = json.load(file)
steps, threads = int(sys.argv[2]), int(sys.argv[3])
clock = time.process_time if sys.argv[4] == "cpu" else time.perf_counter
torch.set_num_threads(threads)
torch.manual_seed(1)
ops = trace["ops"]
weights = [torch.nn.Parameter(torch.randn(w["shape"]) * 0.02, requires_grad=w["trainable"]) for w in trace["weights"]]
optimizer = torch.optim.AdamW([w for w in weights if w.requires_grad], lr=1e-4)

unary = {
    "Relu": F.relu, "Gelu": F.gelu, "Silu": F.silu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Exp": torch.exp,
    "QuickGelu": lambda x: x * torch.sigmoid(1.702 * x),
}


def visible(queries, keys, causal, start, end):
    if not causal:
        return None
    positions = torch.arange(queries) + keys - queries
    limits = torch.where((positions >= start) & (positions < end), torch.tensor(end), positions + 1)
    return (torch.arange(keys)[None, :] < limits[:, None])[None, None]


def attention(op, q, k, v, rest):
    causal, start, end, has_valid, has_bias = op["numbers"]
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    if k.shape[1] != q.shape[1]:
        k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], 1) for x in (k, v))
    scores = torch.matmul(q, k.transpose(-2, -1)) * op["scalars"][0]
    if has_bias:
        rows, columns = rest[-2], rest[-1]
        scores = scores + (rows[..., :, None] + columns[..., None, :]).reshape(scores.shape)
    if op["mask"] is not None:
        scores = scores.masked_fill(op["mask"], -math.inf)
    if has_valid:
        scores = scores.masked_fill(rest[0][:, None, None, :] == 0, -1e30)
    return torch.matmul(torch.softmax(scores, -1), v).transpose(1, 2)


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], -1)
    shape = (1 if cos.shape[0] == x.shape[1] else x.shape[0], x.shape[1], 1, x.shape[3])
    return x * cos.view(shape) + turned * sin.view(shape)


def rms_norm(x, scale, epsilon):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon) * scale


def channel_norm(x, scale, shift, epsilon):
    mean = x.mean(1, keepdim=True)
    centred = x - mean
    variance = centred.square().mean(1, keepdim=True)
    return centred / torch.sqrt(variance + epsilon) * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)


def rows(table, op):
    picked = table.index_select(0, op["index"])
    return picked if op["holes"] is None else picked.masked_fill(op["holes"].view([-1] + [1] * (picked.dim() - 1)), 0)


def run(op, a, w):
    kind, n, s = op["op"], op["numbers"], op["scalars"]
    if kind in unary:
        return unary[kind](a[0])
    if kind == "Constant":
        return op["value"]
    if kind == "Use":
        return w[0]
    if kind == "Reshape":
        return a[0].reshape(op["shape"])
    if kind == "Permute":
        return a[0].permute(n).contiguous()
    if kind == "Concat":
        return torch.cat(a, n[0])
    if kind == "Slice":
        return a[0].narrow(n[0], n[1], n[2])
    if kind == "Pad":
        axis = n[0] % a[0].dim()
        return F.pad(a[0], [0, 0] * (a[0].dim() - 1 - axis) + [n[1], n[2]])
    if kind == "Gather":
        return rows(a[0], op)
    if kind == "Embedding":
        return rows(w[0], op)
    if kind == "Add":
        return a[0] + a[1]
    if kind == "Subtract":
        return a[0] - a[1]
    if kind == "Multiply":
        return a[0] * a[1]
    if kind == "Affine":
        return a[0] * s[0] if s[1] == 0 else a[0] * s[0] + s[1]
    if kind == "SwiGlu":
        return F.silu(a[0]) * a[1]
    if kind == "Linear":
        return F.linear(a[0], w[0], w[1].view(-1) if len(w) > 1 else None)
    if kind == "MatMul":
        return torch.matmul(a[0].transpose(-2, -1) if n[0] else a[0], a[1].transpose(-2, -1) if n[1] else a[1])
    if kind == "RmsNorm":
        return rms_norm(a[0], w[0], s[0])
    if kind == "LayerNorm":
        return F.layer_norm(a[0], [a[0].shape[-1]], w[0].view(-1), w[1].view(-1), s[0])
    if kind == "ChannelNorm":
        return channel_norm(a[0], w[0], w[1], s[0])
    if kind == "Softmax":
        return torch.softmax(a[0], -1)
    if kind == "Rotate":
        return rotate(*a)
    if kind == "Attention":
        return attention(op, a[0], a[1], a[2], a[3:])
    if kind == "Conv2d":
        return F.conv2d(a[0], w[0], w[1].view(-1) if len(w) > 1 else None, n[0], n[1], groups=n[2])
    if kind == "ConvTranspose2d":
        return F.conv_transpose2d(a[0], w[0], w[1].view(-1) if len(w) > 1 else None, n[0])
    if kind == "Resize":
        return F.interpolate(a[0], n[:2], mode="bilinear" if n[2] else "nearest",
                             align_corners=False if n[2] else None)
    if kind == "Sum":
        return a[0].sum(n[0])
    if kind == "Mean":
        return a[0].mean(n[0])
    raise SystemExit(f"operation {kind} is unknown")


used = set()
for op in ops:
    used.update(op["inputs"])
    if op["op"] == "Constant":
        op["value"] = torch.rand(op["shape"])
    if op["op"] in ("Gather", "Embedding"):
        index = torch.tensor(op["numbers"], dtype=torch.int64)
        op["index"] = index.clamp(min=0)
        op["holes"] = index < 0 if bool((index < 0).any()) else None
    if op["op"] == "Attention":
        causal, start, end, has_valid, _ = op["numbers"]
        q, k = ops[op["inputs"][0]]["shape"], ops[op["inputs"][1]]["shape"]
        seen = visible(q[1], k[1], causal, start, end)
        op["mask"] = None if seen is None else ~seen
        if has_valid:
            ops[op["inputs"][3]]["value"] = torch.ones(ops[op["inputs"][3]]["shape"])

seconds = []
for step in range(steps + 1):
    started = clock()
    values = []
    for op in ops:
        values.append(run(op, [values[i] for i in op["inputs"]], [weights[i] for i in op["weights"]]))
    ends = [y for i, y in enumerate(values) if i not in used and y.requires_grad]
    loss = sum(y.square().mean() for y in ends)
    del values
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    if step > 0:
        seconds.append(clock() - started)

print(json.dumps({"version": torch.__version__, "seconds": seconds, "ends": len(ends)}))
