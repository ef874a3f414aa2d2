using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace PixSearch.Tensors;

/// <summary>
/// Native memory for tensors and scratch: 64-byte aligned, in size classes, kept for reuse. Counts what is handed out,
/// so that a test can prove that everything came back. Safe for use from several threads.
/// </summary>
public sealed unsafe class NativePool : IDisposable
{
    /// <summary>Idle memory kept for reuse, in bytes: about two training steps of a 5 M-parameter model.</summary>
    public const long IdleBytesMaxDefault = 2L << 30;

    // Four classes an octave: at most a quarter of a buffer is unused. 2^33 bytes is above the largest tensor (2^31
    // elements).
    private const int ClassesPerOctave = 4;
    private const int SmallestLog2 = 8;
    private const int ClassCount = (34 - SmallestLog2) * ClassesPerOctave;

    private readonly Lock _lock = new();
    private readonly Stack<NativeStorage>[] _idle = new Stack<NativeStorage>[ClassCount];
    private readonly long _idleBytesMax;
    private readonly long _bytesMax;
    private long _idleBytes;
    private long _outstandingBytes;
    private int _outstandingCount;
    private HugeChunk? _chunk;
    private bool _closed;

    /// <summary>A pool; <paramref name="bytesMax"/> limits what is handed out at one time.</summary>
    public NativePool(long bytesMax = long.MaxValue, long idleBytesMax = IdleBytesMaxDefault)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytesMax);
        ArgumentOutOfRangeException.ThrowIfNegative(idleBytesMax);
        (_bytesMax, _idleBytesMax) = (bytesMax, idleBytesMax);
        for (int i = 0; i < ClassCount; i++)
        {
            _idle[i] = new Stack<NativeStorage>();
        }
    }

    /// <summary>Frees what is idle: nobody can point at it.</summary>
    ~NativePool() => FreeIdle();

    /// <summary>Buffers handed out and not given back.</summary>
    public int OutstandingCount => Volatile.Read(ref _outstandingCount);

    /// <summary>Bytes handed out and not given back (sizes of classes, not of requests).</summary>
    public long OutstandingBytes => Volatile.Read(ref _outstandingBytes);

    /// <summary>Bytes kept for reuse.</summary>
    public long IdleBytes => Volatile.Read(ref _idleBytes);

    /// <summary>Hands out a buffer of at least this many F32 elements; its contents are not set.</summary>
    /// <exception cref="InsufficientMemoryException">The limit of the pool, or the machine's memory, is
    /// exceeded.</exception>
    internal NativeStorage Rent(long elements)
    {
        int sizeClass = ClassOf(elements * sizeof(float));
        long bytes = BytesOf(sizeClass);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            if (_outstandingBytes + bytes > _bytesMax)
            {
                ThrowFull(elements, $"{_outstandingBytes} bytes are in use and the pool's limit is {_bytesMax}");
            }

            _outstandingBytes += bytes;
            _outstandingCount++;
            if (_idle[sizeClass].TryPop(out NativeStorage? storage))
            {
                _idleBytes -= bytes;
                storage.Reuse((int)Math.Min(elements, int.MaxValue));
                return storage;
            }
        }

        try
        {
            byte* cut = Cut(bytes, out HugeChunk? chunk);
            return new NativeStorage(this, sizeClass, bytes, (int)Math.Min(elements, int.MaxValue), chunk, cut);
        }
        catch (OutOfMemoryException)
        {
            Forget(bytes);
            ThrowFull(elements, "the machine has no more memory");
            throw;
        }
    }

    /// <summary>Takes a buffer back.</summary>
    internal void Return(NativeStorage storage)
    {
        lock (_lock)
        {
            _outstandingBytes -= storage.Bytes;
            _outstandingCount--;
            if (!_closed && _idleBytes + storage.Bytes <= _idleBytesMax)
            {
                _idleBytes += storage.Bytes;
                _idle[storage.SizeClass].Push(storage);
                return;
            }
        }

        storage.FreeMemory();
    }

    /// <summary>Frees what is idle; buffers still in use are freed when they come back.</summary>
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        FreeIdle();
    }

    private void FreeIdle()
    {
        lock (_lock)
        {
            _closed = true;
            foreach (Stack<NativeStorage> stack in _idle)
            {
                while (stack.TryPop(out NativeStorage? storage))
                {
                    storage.FreeMemory();
                }
            }

            _idleBytes = 0;
            _chunk?.Close();
            _chunk = null;
        }
    }

    // A share of the current chunk, or of a new one where it is full; null for sizes that chunks do not serve.
    private byte* Cut(long bytes, out HugeChunk? chunk)
    {
        chunk = null;
        if (!HugeChunk.Serves(bytes))
        {
            return null;
        }

        lock (_lock)
        {
            byte* cut = _chunk is null ? null : _chunk.Cut(bytes);
            if (cut is null)
            {
                _chunk = new HugeChunk();
                cut = _chunk.Cut(bytes);
            }

            chunk = _chunk;
            return cut;
        }
    }

    private static int ClassOf(long bytes)
    {
        long wanted = Math.Max(bytes, 1L << SmallestLog2);
        int log2 = BitOperations.Log2((ulong)(wanted - 1) | 1);
        long quarter = 1L << (log2 - 2);
        int step = (int)((wanted - (1L << log2) + quarter - 1) / quarter);
        return wanted == 1L << SmallestLog2 ? 0 : ((log2 - SmallestLog2) * ClassesPerOctave) + step;
    }

    private static long BytesOf(int sizeClass)
    {
        int log2 = SmallestLog2 + (sizeClass / ClassesPerOctave);
        return (1L << log2) + ((sizeClass % ClassesPerOctave) * (1L << (log2 - 2)));
    }

    [DoesNotReturn]
    private static void ThrowFull(long elements, string why) => throw new InsufficientMemoryException(
        $"A tensor of {elements} elements ({elements * sizeof(float)} bytes) cannot be allocated: {why}.");

    private void Forget(long bytes)
    {
        lock (_lock)
        {
            _outstandingBytes -= bytes;
            _outstandingCount--;
        }
    }
}
