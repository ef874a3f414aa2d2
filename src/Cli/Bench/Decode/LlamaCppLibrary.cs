using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PixSearch.Abstractions;

namespace PixSearch.Cli.Bench.Decode;

/// <summary>
/// llama.cpp's C interface, as much of it as a benchmark needs, from the prebuilt CPU libraries of an npm package.
/// </summary>
internal sealed unsafe class LlamaCppLibrary
{
    /// <summary>What installs the libraries.</summary>
    public const string Package = "@node-llama-cpp/linux-x64@3.22.1";

    private const string LibraryFolder = "node_modules/@node-llama-cpp/linux-x64/bins/linux-x64";
    private const int ModelCpuOnly = 0;

    private readonly nint _llama;

    private LlamaCppLibrary(string folder)
    {
        // Backends (one for each generation of CPUs) are found beside libggml; the best that runs here is taken.
        nint ggml = NativeLibrary.Load(Find(folder, "libggml.*so*", "libggml.so"));
        _llama = NativeLibrary.Load(Find(folder, "libllama.*so*", "libllama.so"));
        ((delegate* unmanaged<delegate* unmanaged<int, byte*, void*, void>, void*, void>)Export("llama_log_set"))(
            &Silent, null);
        nint path = Marshal.StringToCoTaskMemUTF8(folder);
        try
        {
            ((delegate* unmanaged<nint, void>)NativeLibrary.GetExport(ggml, "ggml_backend_load_all_from_path"))(path);
        }
        finally
        {
            Marshal.FreeCoTaskMem(path);
        }

        ((delegate* unmanaged<void>)Export("llama_backend_init"))();
    }

    /// <summary>How to get it, for people.</summary>
    public static string HowToInstall => $"npm i --ignore-scripts --prefix {PeerFolder.Path} {Package}";

    /// <summary>Loads the libraries from a folder, or from where <see cref="HowToInstall"/> puts them.</summary>
    /// <returns>Null, with the reason, where they are not.</returns>
    public static LlamaCppLibrary? Open(string? folder, out string missing)
    {
        string place = folder ?? Path.Combine(PeerFolder.Path, LibraryFolder);
        try
        {
            missing = "";
            return new LlamaCppLibrary(place);
        }
        catch (Exception error) when (error is DllNotFoundException or IOException or EntryPointNotFoundException
            or BadImageFormatException or UnauthorizedAccessException)
        {
            missing = $"llama.cpp is not in {place}; install it with: {HowToInstall} "
                + $"({error.Message.Split('\n')[0].Trim()})";
            return null;
        }
    }

    /// <summary>Loads a GGUF file.</summary>
    public nint LoadModel(string file)
    {
        Parameters parameters = ((delegate* unmanaged<Parameters>)Export("llama_model_default_params"))();
        nint path = Marshal.StringToCoTaskMemUTF8(file);
        try
        {
            nint model = ((delegate* unmanaged<nint, Parameters, nint>)Export("llama_model_load_from_file"))(path,
                parameters);
            return model != ModelCpuOnly
                ? model
                : throw new PixException(PixErrorKind.BrokenArtifact, $"llama.cpp does not load '{file}'.");
        }
        finally
        {
            Marshal.FreeCoTaskMem(path);
        }
    }

    /// <summary>A context for a number of sequences, each of up to so many tokens.</summary>
    public nint NewContext(nint model, int sequences, int tokensEach, int threads)
    {
        const int CellsMultiple = 256;
        Parameters parameters = ((delegate* unmanaged<Parameters>)Export("llama_context_default_params"))();
        if (parameters is not { Context: 512, Batch: 2048, MicroBatch: 512, Sequences: 1 })
        {
            throw new PixException(PixErrorKind.BrokenArtifact, "This llama.cpp has other context parameters than the "
                + $"benchmark knows; it was written for {Package}.");
        }

        int each = (tokensEach + CellsMultiple - 1) / CellsMultiple * CellsMultiple;
        parameters.Context = (uint)(each * sequences);
        parameters.Sequences = (uint)sequences;
        nint context = ((delegate* unmanaged<nint, Parameters, nint>)Export("llama_init_from_model"))(model,
            parameters);
        if (context == 0)
        {
            throw new PixException(PixErrorKind.Internal,
                $"llama.cpp makes no context of {sequences} x {each} tokens.");
        }

        ((delegate* unmanaged<nint, int, int, void>)Export("llama_set_n_threads"))(context, threads, threads);
        return context;
    }

    /// <summary>Runs a batch; every token with a mark gets logits.</summary>
    public void Decode(nint context, in Batch batch)
    {
        int code = ((delegate* unmanaged<nint, Batch, int>)Export("llama_decode"))(context, batch);
        if (code != 0)
        {
            throw new PixException(PixErrorKind.Internal, $"llama.cpp refuses a batch of {batch.Count}: code {code}.");
        }
    }

    /// <summary>Logits of the batch's token of this index.</summary>
    public ReadOnlySpan<float> Logits(nint context, int index, int vocabulary) =>
        new(((delegate* unmanaged<nint, int, float*>)Export("llama_get_logits_ith"))(context, index), vocabulary);

    /// <summary>Forgets all keys.</summary>
    public void Clear(nint context)
    {
        nint memory = ((delegate* unmanaged<nint, nint>)Export("llama_get_memory"))(context);
        ((delegate* unmanaged<nint, byte, void>)Export("llama_memory_clear"))(memory, 1);
    }

    /// <summary>Frees a context.</summary>
    public void FreeContext(nint context) => ((delegate* unmanaged<nint, void>)Export("llama_free"))(context);

    /// <summary>Frees a model.</summary>
    public void FreeModel(nint model) => ((delegate* unmanaged<nint, void>)Export("llama_model_free"))(model);

    private static string Find(string folder, string pattern, string plain) =>
        Directory.EnumerateFiles(folder, pattern).Order(StringComparer.Ordinal).FirstOrDefault()
            ?? Path.Combine(folder, plain);

    [UnmanagedCallersOnly]
    private static void Silent(int level, byte* text, void* data)
    {
    }

    private nint Export(string name) => NativeLibrary.GetExport(_llama, name);

    /// <summary>
    /// Tokens with their places (llama_batch). By value, 56 bytes.
    /// </summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Batch
    {
        public int Count;
        public int* Tokens;
        public float* Embeddings;
        public int* Positions;
        public int* SequenceCounts;
        public int** Sequences;
        public byte* WantsLogits;
    }

    /// <summary>
    /// Either set of parameters: the first four numbers of the context's, and room for more than all the rest, which
    /// stays as llama.cpp filled it. Larger than a register pair, so it goes through memory both ways.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Size = 1024)]
    private struct Parameters
    {
        public uint Context;
        public uint Batch;
        public uint MicroBatch;
        public uint Sequences;
    }
}
