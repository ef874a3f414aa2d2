using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using PixSearch.Abstractions;

namespace PixSearch.Models.Checkpoints;

/// <summary>
/// Reads Python pickles (protocols 2 to 5) of PyTorch state dicts. It never runs anything: a pickle may name only what
/// is in <see cref="s_allowed"/>, whose meaning is fixed here; every other name is refused and told. Nothing recurses,
/// and memory and time are bounded by <see cref="ValuesMax"/>, however the pickle refers to itself.
/// </summary>
internal sealed class Unpickler
{
    private static readonly Dictionary<string, ElementType> s_storages = new(StringComparer.Ordinal)
    {
        ["torch.DoubleStorage"] = ElementType.F64,
        ["torch.FloatStorage"] = ElementType.F32,
        ["torch.HalfStorage"] = ElementType.F16,
        ["torch.BFloat16Storage"] = ElementType.BF16,
        ["torch.LongStorage"] = ElementType.I64,
        ["torch.IntStorage"] = ElementType.I32,
        ["torch.ShortStorage"] = ElementType.I16,
        ["torch.CharStorage"] = ElementType.I8,
        ["torch.ByteStorage"] = ElementType.U8,
        ["torch.BoolStorage"] = ElementType.BOOL,
    };

    private static readonly HashSet<string> s_allowed =
    [
        .. s_storages.Keys, RebuildTensor, RebuildParameter, OrderedDict, TorchSize,
    ];

    private const string RebuildTensor = "torch._utils._rebuild_tensor_v2";
    private const string RebuildParameter = "torch._utils._rebuild_parameter";
    private const string OrderedDict = "collections.OrderedDict";
    private const string TorchSize = "torch.Size";

    /// <summary>
    /// Most values that a pickle may make, remember or copy. A tensor takes about 35, so that this is 120,000 tensors
    /// in one file; without it a file of empty dicts would take a hundred times its length, and one long list named
    /// again and again the square of it.
    /// </summary>
    internal const int ValuesMax = 4 << 20;

    private static readonly object s_mark = new();

    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly string _path;
    private readonly List<object?> _stack = [];
    private readonly Dictionary<long, object?> _memo = [];
    private int _at;
    private long _values;

    private Unpickler(ReadOnlyMemory<byte> bytes, string path)
    {
        _bytes = bytes;
        _path = path;
    }

    /// <summary>The object of a pickle; throws <see cref="PixException"/> (BrokenArtifact).</summary>
    public static object? Read(ReadOnlyMemory<byte> bytes, string path) => new Unpickler(bytes, path).Run();

    private object? Run()
    {
        while (true)
        {
            int at = _at;
            byte code = Take(1)[0];
            if (code == (byte)'.')
            {
                return Pop();
            }

            if (!TryConstant(code) && !TryContainer(code) && !TryMemo(code) && !TryObject(code))
            {
                throw Broken($"opcode 0x{code:X2} at byte {at} is not allowed in a state dict");
            }
        }
    }

    private bool TryConstant(byte code)
    {
        switch (code)
        {
            case 0x80: // PROTO
                int protocol = Take(1)[0];
                return protocol is >= 2 and <= 5 ? true : throw Broken($"protocol {protocol} is not 2 to 5");
            case 0x95: // FRAME
                Take(8);
                return true;
            case (byte)'N':
                return Push(null);
            case 0x88:
                return Push(true);
            case 0x89:
                return Push(false);
            case (byte)'J':
                return Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4)));
            case (byte)'K':
                return Push((long)Take(1)[0]);
            case (byte)'M':
                return Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
            case 0x8A: // LONG1
                return Push(ReadLong(Take(Take(1)[0])));
            case (byte)'G':
                return Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8)));
            case (byte)'X': // BINUNICODE
                return Push(ReadText(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
            case 0x8C: // SHORT_BINUNICODE
                return Push(ReadText(Take(1)[0]));
            case 0x8D: // BINUNICODE8
                return Push(ReadText(BinaryPrimitives.ReadUInt64LittleEndian(Take(8))));
            case (byte)'B': // BINBYTES
                return Push(TakeLong(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))).ToArray());
            case (byte)'C': // SHORT_BINBYTES
                return Push(Take(Take(1)[0]).ToArray());
            default:
                return false;
        }
    }

    private bool TryContainer(byte code)
    {
        switch (code)
        {
            case (byte)'(':
                return Push(s_mark);
            case (byte)')':
                return Push(Array.Empty<object?>());
            case 0x85:
            case 0x86:
            case 0x87:
                object?[] few = new object?[code - 0x84];
                for (int i = few.Length - 1; i >= 0; i--)
                {
                    few[i] = Pop();
                }

                return Push(few);
            case (byte)'t':
                return Push(PopMarked());
            case (byte)']':
                return Push(new List<object?>());
            case (byte)'}':
                return Push(new PickleMap());
            case (byte)'a':
                object? item = Pop();
                TopList().Add(item);
                return true;
            case (byte)'e':
                object?[] items = PopMarked();
                TopList().AddRange(items);
                return true;
            case (byte)'s':
                object? value = Pop();
                object? key = Pop();
                TopMap().Set(CheckKey(key), value);
                return true;
            case (byte)'u':
                SetItems(PopMarked());
                return true;
            default:
                return false;
        }
    }

    private bool TryMemo(byte code)
    {
        switch (code)
        {
            case (byte)'q':
                return Remember(Take(1)[0]);
            case (byte)'r':
                return Remember(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)));
            case 0x94: // MEMOIZE
                return Remember(_memo.Count);
            case (byte)'h':
                return Push(Recall(Take(1)[0]));
            case (byte)'j':
                return Push(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
            case (byte)'0':
                Pop();
                return true;
            case (byte)'2':
                return Push(Peek());
            default:
                return false;
        }
    }

    private bool TryObject(byte code)
    {
        switch (code)
        {
            case (byte)'c': // GLOBAL
                string module = ReadLine();
                return Push(Allow(module, ReadLine()));
            case 0x93: // STACK_GLOBAL
                string? member = Pop() as string;
                return Push(Allow(Pop() as string, member));
            case (byte)'Q': // BINPERSID
                return Push(ReadStorage(Pop()));
            case (byte)'R': // REDUCE
            case 0x81: // NEWOBJ: cls.__new__(cls, *args), the same for the classes that are allowed
                object?[] arguments = Pop() as object?[] ?? throw Broken("a call without a tuple of arguments");
                return Push(Call(Pop(), arguments));
            case (byte)'b': // BUILD
                Pop();
                // The state of an OrderedDict holds its _metadata (versions of modules), which loading does not need.
                return Peek() is PickleMap ? true : throw Broken($"state is given to {Describe(Peek())}");
            default:
                return false;
        }
    }

    private PickleGlobal Allow(string? module, string? member)
    {
        string name = $"{module}.{member}";
        return s_allowed.Contains(name)
            ? new PickleGlobal(name)
            : throw Broken(
                $"it names '{Short(name)}', which a state dict may not (allowed are torch storages, tensors, "
                + "parameters and OrderedDict)");
    }

    private object? Call(object? callee, object?[] arguments)
    {
        switch ((callee as PickleGlobal)?.Name)
        {
            case RebuildTensor when arguments is [PickleStorage storage, long offset, object?[] sizes,
                object?[] strides, ..]:
                return new PickleTensor(storage, offset, ReadSizes(sizes), ReadSizes(strides));
            case RebuildParameter when arguments is [PickleTensor tensor, ..]:
                return tensor;
            case TorchSize when arguments is [object?[] sizes]:
                return sizes;
            case OrderedDict when arguments.Length == 0:
                return new PickleMap();
            case OrderedDict when arguments is [List<object?> pairs]:
                return MapOf(pairs);
            default:
                throw Broken($"a call of {Describe(callee)} with {arguments.Length} arguments is not understood");
        }
    }

    private PickleMap MapOf(List<object?> pairs)
    {
        Spend(pairs.Count);
        var map = new PickleMap();
        foreach (object? pair in pairs)
        {
            (object? key, object? value) = pair switch
            {
                object?[] and [var first, var second] => (first, second),
                List<object?> and [var first, var second] => (first, second),
                _ => throw Broken("an OrderedDict is made of something other than pairs"),
            };
            map.Set(CheckKey(key), value);
        }

        return map;
    }

    private PickleStorage ReadStorage(object? id)
    {
        if (id is object?[] and ["storage", PickleGlobal type, string key, _, long count, ..]
            && s_storages.TryGetValue(type.Name, out ElementType element) && count >= 0)
        {
            return new PickleStorage(element, key, count);
        }

        throw Broken("a persistent id is not that of a torch storage");
    }

    private long[] ReadSizes(object?[] values)
    {
        Spend(values.Length);
        return Array.ConvertAll(values, value =>
            value is long size ? size : throw Broken("a size or stride is not a number"));
    }

    private void SetItems(object?[] items)
    {
        if (items.Length % 2 != 0)
        {
            throw Broken("a dict has a key without a value");
        }

        PickleMap map = TopMap();
        for (int i = 0; i < items.Length; i += 2)
        {
            map.Set(CheckKey(items[i]), items[i + 1]);
        }
    }

    private object CheckKey(object? key) =>
        key is string or long or bool ? key : throw Broken($"a dict has {Describe(key)} as key");

    private List<object?> TopList() =>
        Peek() as List<object?> ?? throw Broken($"an item is added to {Describe(Peek())}");

    private PickleMap TopMap() => Peek() as PickleMap ?? throw Broken($"a key is set in {Describe(Peek())}");

    private object? Recall(long index) =>
        _memo.TryGetValue(index, out object? value) ? value : throw Broken($"memo {index} was never set");

    private bool Remember(long index)
    {
        // Python numbers what it remembers from 0 on, and nothing is remembered that took no byte.
        if (index > _bytes.Length)
        {
            throw Broken($"memo {index} is set in a pickle of {_bytes.Length} bytes");
        }

        Spend(1);
        _memo[index] = Peek();
        return true;
    }

    private void Spend(int values)
    {
        _values += values;
        if (_values > ValuesMax)
        {
            throw Broken($"there are over {ValuesMax} values, more than any state dict has");
        }
    }

    private bool Push(object? value)
    {
        Spend(1);
        _stack.Add(value);
        return true;
    }

    private object? Peek() => _stack.Count > 0 ? _stack[^1] : throw Broken("its stack runs empty");

    private object? Pop()
    {
        object? value = Peek();
        if (ReferenceEquals(value, s_mark))
        {
            throw Broken("a mark is taken for a value");
        }

        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private object?[] PopMarked()
    {
        int mark = _stack.FindLastIndex(value => ReferenceEquals(value, s_mark));
        if (mark < 0)
        {
            throw Broken("a mark is missing");
        }

        object?[] values = [.. _stack.GetRange(mark + 1, _stack.Count - mark - 1)];
        _stack.RemoveRange(mark, _stack.Count - mark);
        return values;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _bytes.Length - _at)
        {
            throw Broken($"it ends at byte {_bytes.Length} in the middle of a value");
        }

        ReadOnlySpan<byte> bytes = _bytes.Span.Slice(_at, count);
        _at += count;
        return bytes;
    }

    private ReadOnlySpan<byte> TakeLong(ulong count) =>
        Take(count <= int.MaxValue ? (int)count : throw Broken($"a value of {count} bytes is claimed"));

    private string ReadText(ulong length)
    {
        try
        {
            return s_strictUtf8.GetString(TakeLong(length));
        }
        catch (DecoderFallbackException error)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"'{_path}': a text in data.pkl is not UTF-8.", error);
        }
    }

    private static readonly UTF8Encoding s_strictUtf8 = new(false, throwOnInvalidBytes: true);

    private string ReadLine()
    {
        int length = _bytes.Span[_at..].IndexOf((byte)'\n');
        string line = length is >= 0 and < 1000
            ? Encoding.ASCII.GetString(Take(length))
            : throw Broken("a name without an end");
        Take(1);
        return line;
    }

    private long ReadLong(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 8)
        {
            throw Broken($"a number of {bytes.Length} bytes is too large");
        }

        long value = bytes.Length > 0 && bytes[^1] >= 0x80 ? -1 : 0;
        for (int i = bytes.Length - 1; i >= 0; i--)
        {
            value = (value << 8) | bytes[i];
        }

        return value;
    }

    private static string Describe(object? value) => value switch
    {
        null => "None",
        PickleGlobal global => $"'{global.Name}'",
        PickleMap => "a dict",
        object?[] => "a tuple",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => $"a {value.GetType().Name}",
    };

    private static string Short(string text) => text.Length <= 100 ? text : string.Concat(text.AsSpan(0, 97), "...");

    private PixException Broken(string what) =>
        new(PixErrorKind.BrokenArtifact, $"'{_path}' is not loaded: in its data.pkl {what}.");
}
