using System.Numerics.Tensors;

namespace PixSearch.Cli.Bench.Decode;

/// <summary>llama.cpp under the benchmark, on a GGUF file, with its own defaults but the number of threads.</summary>
internal sealed unsafe class LlamaCppDecoder(LlamaCppLibrary library, string file, int vocabulary, int threads)
    : IDecoder
{
    private readonly nint _model = library.LoadModel(file);
    private nint _context;
    private float[] _logits = [];

    /// <inheritdoc/>
    public string Name => "llama.cpp";

    /// <inheritdoc/>
    public void Open(int sequences, int tokensEach)
    {
        CloseContext();
        _context = library.NewContext(_model, sequences, tokensEach, threads);
    }

    /// <inheritdoc/>
    public int Prefill(int sequence, int start, ReadOnlySpan<int> tokens)
    {
        if (start == 0 && sequence == 0)
        {
            library.Clear(_context);
        }

        int count = tokens.Length;
        int* positions = stackalloc int[count];
        byte* wants = stackalloc byte[count];
        for (int i = 0; i < count; i++)
        {
            positions[i] = start + i;
            wants[i] = (byte)(i == count - 1 ? 1 : 0);
        }

        Run(tokens, positions, wants, i => sequence);
        _logits = library.Logits(_context, count - 1, vocabulary).ToArray();
        return TensorPrimitives.IndexOfMax<float>(_logits);
    }

    /// <inheritdoc/>
    public void Step(int position, ReadOnlySpan<int> tokens, Span<int> next)
    {
        int* positions = stackalloc int[tokens.Length];
        byte* wants = stackalloc byte[tokens.Length];
        for (int i = 0; i < tokens.Length; i++)
        {
            (positions[i], wants[i]) = (position, 1);
        }

        Run(tokens, positions, wants, i => i);
        for (int i = 0; i < tokens.Length; i++)
        {
            next[i] = TensorPrimitives.IndexOfMax(library.Logits(_context, i, vocabulary));
        }
    }

    /// <inheritdoc/>
    public float[] LastLogits() => _logits;

    /// <inheritdoc/>
    public void Dispose()
    {
        CloseContext();
        library.FreeModel(_model);
    }

    private void Run(ReadOnlySpan<int> tokens, int* positions, byte* wants, Func<int, int> sequenceOf)
    {
        int* ids = stackalloc int[tokens.Length];
        int* ones = stackalloc int[tokens.Length];
        int** sequences = stackalloc int*[tokens.Length];
        for (int i = 0; i < tokens.Length; i++)
        {
            (ids[i], ones[i]) = (sequenceOf(i), 1);
            sequences[i] = ids + i;
        }

        fixed (int* first = tokens)
        {
            library.Decode(_context, new LlamaCppLibrary.Batch
            {
                Count = tokens.Length,
                Tokens = first,
                Positions = positions,
                SequenceCounts = ones,
                Sequences = sequences,
                WantsLogits = wants,
            });
        }
    }

    private void CloseContext()
    {
        if (_context != 0)
        {
            library.FreeContext(_context);
            _context = 0;
        }
    }
}
