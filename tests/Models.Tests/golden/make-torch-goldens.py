"""Makes torch-*.pth and torch-expected.json: small state dicts as PyTorch itself saves them.

Made with Debian's python3-torch 1.13.1; the files hold counted numbers only and fall under the project's licence.
"""
import collections
import json
import os

import torch

here = os.path.dirname(os.path.abspath(__file__))
base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 4 - 2
tensors = collections.OrderedDict(
    whole=base,
    transposed=base.t(),
    column=base[:, 2],
    block=base[1:3, 1:4],
    expanded=base[0, :2].expand(3, 2),
    scalar=torch.tensor(3.25),
    empty=torch.zeros(0, 4),
    half=base.half(),
    bfloat=base.bfloat16(),
    double=base.double(),
    long=torch.tensor([-200, 1 << 40, 0]),
    int=torch.tensor([[1, -2]], dtype=torch.int32),
    short=torch.tensor([-3], dtype=torch.int16),
    char=torch.tensor([-4], dtype=torch.int8),
    byte=torch.tensor([250], dtype=torch.uint8),
    bool=torch.tensor([True, False]),
    parameter=torch.nn.Parameter(base[:1]),
)
module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
torch.nn.init.constant_(module[0].weight, 0.5)
torch.nn.init.constant_(module[0].bias, -1.0)

expected = {name: [list(value.shape), value.detach().double().flatten().tolist()] for name, value in tensors.items()}
modules = {name: [list(value.shape), value.double().flatten().tolist()] for name, value in module.state_dict().items()}
for protocol in (2, 3, 4, 5):
    torch.save(tensors, f"{here}/torch-protocol{protocol}.pth", pickle_protocol=protocol)
torch.save({"state_dict": module.state_dict(), "epoch": 3, "lr": 0.1, "name": "x"}, f"{here}/torch-wrapped.pth")
torch.save(module, f"{here}/torch-module.pth")
with open(f"{here}/torch-expected.json", "w", encoding="utf-8") as file:
    json.dump({"plain": expected, "wrapped": modules}, file, indent=1)
