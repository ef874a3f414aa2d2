using PixSearch.Abstractions;
using PixSearch.Tensors;

namespace PixSearch.Autodiff.Tests;

/// <summary>
/// Every differentiable operation of the interface against finite differences, on every backend (see
/// <see cref="GradientCheck"/> for the tolerance).
/// </summary>
public sealed class OperationGradientTests
{
    private static Shape S(params int[] sizes) => new(sizes);

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (string backend in Backends.Names)
        {
            foreach (string name in s_cases.Keys)
            {
                data.Add(backend, name);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Operation_AgainstFiniteDifferences_Agrees(string backendName, string operation)
    {
        using IGradientBackend inner = Backends.Create(backendName);
        s_cases[operation](inner);
    }

    [Fact]
    public void Cases_EveryOperationOfTheInterface_IsListed()
    {
        // These make tensors or weights, read numbers, or are refused under gradients (tested elsewhere).
        string[] others = ["get_Name", "get_RecordsGradients", "Empty", "Zeros", "From", "Load", "Read", "ArgMax",
            "KvPages", "AppendKv", "PagedAttention"];
        var covered = s_cases.Keys.Select(name => name.Split(' ', '.')[0]).ToHashSet();
        var missing = typeof(IBackend).GetMethods().Select(method =>
            method.Name).Except(others).Except(covered).ToList();
        Assert.Empty(missing);
    }

    private static readonly Dictionary<string, Action<IGradientBackend>> s_cases = new()
    {
        ["Use"] = inner =>
        {
            using Weight w = GradientCheck.Weight(inner, "w", 1, 3, 4);
            GradientCheck.Run(inner, [S(3, 4)], [w], (b, x) => b.Multiply(x[0], b.Use(w)));
        },
        ["Reshape"] = inner => GradientCheck.Run(inner, [S(2, 6)], [], (b, x) => b.Reshape(x[0], S(3, 4))),
        ["Permute"] = inner => GradientCheck.Run(inner, [S(2, 3, 4, 2)], [], (b, x) => b.Permute(x[0], 2, 0, 3, 1)),
        ["Concat axis 0"] = inner => GradientCheck.Run(inner, [S(2, 3), S(1, 3)], [], (b, x) => b.Concat(0, x[0],
            x[1])),
        ["Concat axis 1 twice the same"] = inner =>
            GradientCheck.Run(inner, [S(2, 3), S(2, 2)], [], (b, x) => b.Concat(1, x[0], x[1], x[0])),
        ["Slice axis 0"] = inner => GradientCheck.Run(inner, [S(5, 3)], [], (b, x) => b.Slice(x[0], 0, 1, 3)),
        ["Slice axis 1"] = inner => GradientCheck.Run(inner, [S(2, 5, 3)], [], (b, x) => b.Slice(x[0], 1, 2, 2)),
        ["Pad"] = inner => GradientCheck.Run(inner, [S(2, 3)], [], (b, x) => b.Pad(x[0], 1, 2, 1)),
        ["Gather with repeats and blanks"] = inner =>
            GradientCheck.Run(inner, [S(4, 3)], [], (b, x) => b.Gather(x[0], [2, 0, 2, -1])),
        ["Embedding"] = inner =>
        {
            using Weight w = GradientCheck.Weight(inner, "table", 2, 5, 3);
            GradientCheck.Run(inner, [S(4, 3)], [w], (b, x) => b.Multiply(x[0], b.Embedding(w, [1, 4, 1, 0])));
        },
        ["Add"] = inner => GradientCheck.Run(inner, [S(2, 3), S(2, 3)], [], (b, x) => b.Add(x[0], x[1])),
        ["Add broadcast"] = inner => GradientCheck.Run(inner, [S(2, 3, 4), S(3, 1)], [], (b, x) => b.Add(x[0], x[1])),
        ["Add the same twice"] = inner => GradientCheck.Run(inner, [S(2, 3)], [], (b, x) => b.Add(b.Add(x[0], x[0]),
            x[0])),
        ["Subtract broadcast"] = inner => GradientCheck.Run(inner, [S(3), S(2, 3)], [], (b, x) => b.Subtract(x[0],
            x[1])),
        ["Multiply broadcast"] = inner =>
            GradientCheck.Run(inner, [S(2, 3, 4), S(2, 1, 4)], [], (b, x) => b.Multiply(x[0], x[1])),
        ["Multiply square"] = inner => GradientCheck.Run(inner, [S(2, 3)], [], (b, x) => b.Multiply(x[0], x[0])),
        ["Affine"] = inner => GradientCheck.Run(inner, [S(2, 3)], [], (b, x) => b.Affine(x[0], -1.5f, 2)),
        ["Unary.Relu"] = inner => Unary(inner, UnaryOp.Relu),
        ["Unary.Gelu"] = inner => Unary(inner, UnaryOp.Gelu),
        ["Unary.QuickGelu"] = inner => Unary(inner, UnaryOp.QuickGelu),
        ["Unary.Silu"] = inner => Unary(inner, UnaryOp.Silu),
        ["Unary.Sigmoid"] = inner => Unary(inner, UnaryOp.Sigmoid),
        ["Unary.Tanh"] = inner => Unary(inner, UnaryOp.Tanh),
        ["Unary.Exp"] = inner => Unary(inner, UnaryOp.Exp),
        ["SwiGlu"] = inner => GradientCheck.Run(inner, [S(3, 19), S(3, 19)], [], (b, x) => b.SwiGlu(x[0], x[1])),
        ["Linear"] = inner =>
        {
            using Weight w = GradientCheck.Weight(inner, "weight", 3, 5, 18);
            using Weight bias = GradientCheck.Weight(inner, "bias", 4, 5);
            GradientCheck.Run(inner, [S(2, 3, 18)], [w, bias], (b, x) => b.Linear(x[0], w, bias));
            GradientCheck.Run(inner, [S(7, 18)], [w], (b, x) => b.Linear(x[0], w));
        },
        ["MatMul"] = inner => MatMul(inner, S(3, 4), S(4, 5), false, false),
        ["MatMul A^T"] = inner => MatMul(inner, S(4, 3), S(4, 5), true, false),
        ["MatMul B^T"] = inner => MatMul(inner, S(3, 4), S(5, 4), false, true),
        ["MatMul A^T B^T"] = inner => MatMul(inner, S(4, 3), S(5, 4), true, true),
        ["MatMul batched"] = inner => MatMul(inner, S(2, 3, 4), S(2, 5, 4), false, true),
        ["MatMul batched A only"] = inner => MatMul(inner, S(2, 3, 4), S(4, 5), false, false),
        ["MatMul batched B only"] = inner => MatMul(inner, S(4, 3), S(2, 4, 5), true, false),
        ["RmsNorm"] = inner =>
        {
            using Weight scale = GradientCheck.Weight(inner, "scale", 5, 20);
            GradientCheck.Run(inner, [S(3, 20)], [scale], (b, x) => b.RmsNorm(x[0], scale, 1e-5f));
        },
        ["LayerNorm"] = inner => Norm(inner, S(3, 20), 20, (b, x, scale, shift) => b.LayerNorm(x, scale, shift, 1e-5f)),
        ["ChannelNorm"] = inner => Norm(inner, S(2, 8, 3, 5), 8, (b, x, scale, shift) => b.ChannelNorm(x, scale,
            shift, 1e-6f)),
        ["Softmax"] = inner => GradientCheck.Run(inner, [S(3, 21)], [], (b, x) => b.Softmax(x[0])),
        ["Rotate"] = inner =>
        {
            using Tensor cos = inner.From(Numbers(8, 5 * 8), S(5, 8));
            using Tensor sin = inner.From(Numbers(9, 5 * 8), S(5, 8));
            GradientCheck.Run(inner, [S(2, 5, 3, 8)], [], (b, x) => b.Rotate(x[0], cos, sin));
        },
        ["Attention full"] = inner => Attention(inner, 5, 2, AttentionMask.Full),
        ["Attention causal"] = inner => Attention(inner, 5, 2, AttentionMask.CausalOnly),
        ["Attention causal behind a prefix"] = inner => Attention(inner, 9, 2, AttentionMask.CausalOnly),
        ["Attention grouped heads"] = inner => Attention(inner, 5, 1, AttentionMask.CausalOnly),
        ["Attention key validity"] = inner =>
        {
            using Tensor valid = inner.From([1, 1, 0, 1, 0, 0, 0, 1, 1, 1], S(2, 5));
            Attention(inner, 5, 2, AttentionMask.Full with { KeyValid = valid });
        },
        ["Attention prefix visible to itself"] = inner =>
            Attention(inner, 5, 2, AttentionMask.CausalOnly with { FullStart = 1, FullEnd = 4 }),
        ["Attention decomposed bias"] = inner => GradientCheck.Run(inner,
            [S(2, 6, 2, 8), S(2, 6, 2, 8), S(2, 6, 2, 8), S(2, 2, 6, 2), S(2, 2, 6, 3)], [], (b, x) => b.Attention(
                x[0], x[1], x[2], AttentionMask.Full with { BiasRows = x[3], BiasColumns = x[4] }, 0.35f)),
        ["Conv2d"] = inner => Conv(inner, S(2, 3, 6, 5), [4, 3, 3, 3], 1, 1, 1),
        ["Conv2d patches"] = inner => Conv(inner, S(2, 3, 8, 8), [5, 3, 4, 4], 4, 0, 1),
        ["Conv2d depth-wise"] = inner => Conv(inner, S(2, 4, 5, 5), [4, 1, 3, 3], 1, 1, 4),
        ["Conv2d 1x1"] = inner => Conv(inner, S(2, 3, 4, 4), [6, 3, 1, 1], 1, 0, 1),
        ["ConvTranspose2d"] = inner =>
        {
            using Weight w = GradientCheck.Weight(inner, "weight", 6, 3, 4, 2, 2);
            using Weight bias = GradientCheck.Weight(inner, "bias", 7, 4);
            GradientCheck.Run(inner, [S(2, 3, 3, 4)], [w, bias], (b, x) => b.ConvTranspose2d(x[0], w, bias, 2));
        },
        ["Resize bilinear up"] = inner =>
            GradientCheck.Run(inner, [S(1, 2, 3, 4)], [], (b, x) => b.Resize(x[0], 7, 6, ResizeMode.Bilinear)),
        ["Resize bilinear down"] = inner =>
            GradientCheck.Run(inner, [S(1, 2, 7, 6)], [], (b, x) => b.Resize(x[0], 3, 4, ResizeMode.Bilinear)),
        ["Resize same size"] = inner =>
            GradientCheck.Run(inner, [S(1, 2, 3, 4)], [], (b, x) => b.Resize(x[0], 3, 4, ResizeMode.Bilinear)),
        ["Resize nearest"] = inner =>
            GradientCheck.Run(inner, [S(1, 2, 3, 4)], [], (b, x) => b.Resize(x[0], 6, 9, ResizeMode.Nearest)),
        ["Sum"] = inner => GradientCheck.Run(inner, [S(2, 3, 4)], [], (b, x) => b.Sum(x[0], 1)),
        ["Mean"] = inner => GradientCheck.Run(inner, [S(2, 3, 4)], [], (b, x) => b.Mean(x[0], 0)),
    };

    // Away from 0, where relu has no derivative.
    private static void Unary(IGradientBackend inner, UnaryOp op) =>
        GradientCheck.Run(inner, [S(3, 19)], [], (b, x) => b.Unary(x[0], op), draw: random =>
        {
            double value = random.NextDouble(-2, 2);
            return (float)(value + (Math.Sign(value) * 0.02));
        });

    private static void MatMul(IGradientBackend inner, Shape a, Shape b, bool transposeA, bool transposeB) =>
        GradientCheck.Run(inner, [a, b], [], (backend, x) => backend.MatMul(x[0], x[1], transposeA, transposeB));

    private static void Norm(IGradientBackend inner, Shape shape, int size,
        Func<AutodiffBackend, Tensor, Weight, Weight, Tensor> norm)
    {
        using Weight scale = GradientCheck.Weight(inner, "scale", 5, size);
        using Weight shift = GradientCheck.Weight(inner, "shift", 6, size);
        GradientCheck.Run(inner, [shape], [scale, shift], (b, x) => norm(b, x[0], scale, shift));
    }

    private static void Attention(IGradientBackend inner, int keys, int kvHeads, AttentionMask mask) =>
        GradientCheck.Run(inner, [S(2, 5, 2, 8), S(2, keys, kvHeads, 8), S(2, keys, kvHeads, 8)], [],
            (b, x) => b.Attention(x[0], x[1], x[2], mask, 0.35f));

    private static void Conv(IGradientBackend inner, Shape x, int[] weightSizes, int stride, int padding, int groups)
    {
        using Weight w = GradientCheck.Weight(inner, "weight", 6, weightSizes);
        using Weight bias = GradientCheck.Weight(inner, "bias", 7, weightSizes[0]);
        GradientCheck.Run(inner, [x], [w, bias], (b, y) => b.Conv2d(y[0], w, bias, stride, padding, groups));
    }

    private static float[] Numbers(ulong seed, int count)
    {
        var random = new SeededRandom(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)random.NextDouble(-1, 1))];
    }
}
