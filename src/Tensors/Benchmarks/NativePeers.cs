using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace PixSearch.Tensors.Benchmarks;

/// <summary>
/// Matrix products of other libraries, where this machine has them: Debian's OpenBLAS and oneDNN. For measuring only;
/// nothing else in the product calls native code.
/// </summary>
public sealed unsafe class NativePeers
{
    private const int RowMajor = 101;
    private const int NoTranspose = 111;
    private const int Transpose = 112;

    private readonly delegate* unmanaged<int, int, int, int, int, int, float, float*, int, float*, int, float, float*,
        int, void> _blas;
    private readonly delegate* unmanaged<byte, byte, long, long, long, float, float*, long, float*, long, float, float*,
        long, int> _dnnl;

    /// <summary>Loads what is there, with the thread count and the core type that serve it best.</summary>
    public NativePeers()
    {
        // Before loading: OpenBLAS 0.3.21 takes CPUs that it does not know for old ones and is five times slower then.
        string threads = KernelSettings.ThreadCount.ToString(System.Globalization.CultureInfo.InvariantCulture);
        SetVariable("OPENBLAS_NUM_THREADS", threads);
        SetVariable("OMP_NUM_THREADS", threads);
        if (CoreType is { } type)
        {
            SetVariable("OPENBLAS_CORETYPE", type);
        }

        if (NativeLibrary.TryLoad("libopenblas.so.0", out nint blas)
            && NativeLibrary.TryGetExport(blas, "cblas_sgemm", out nint sgemm))
        {
            _blas = (delegate* unmanaged<int, int, int, int, int, int, float, float*, int, float*, int, float, float*,
                int, void>)sgemm;
        }

        if (NativeLibrary.TryLoad("libdnnl.so.2", out nint dnnl)
            && NativeLibrary.TryGetExport(dnnl, "dnnl_sgemm", out nint gemm))
        {
            _dnnl = (delegate* unmanaged<byte, byte, long, long, long, float, float*, long, float*, long, float, float*,
                long, int>)gemm;
        }
    }

    /// <summary>
    /// OpenBLAS' name of the kernels that serve this machine best; null where it may choose itself. Both of Haswell's
    /// and Zen's are for AVX2 with FMA.
    /// </summary>
    public static string? CoreType => Avx512F.IsSupported ? "SkylakeX"
        : Avx2.IsSupported && Fma.IsSupported ? IsAmd ? "Zen" : "Haswell" : null;

    /// <summary>Threads of the CPU engine, which peers get too.</summary>
    public static int ThreadCount => KernelSettings.ThreadCount;

    /// <summary>Names of the libraries that were found.</summary>
    public IReadOnlyList<string> Names =>
        [.. new[] { _blas is null ? "" : "OpenBLAS", _dnnl is null ? "" : "oneDNN" }.Where(name => name.Length > 0)];

    /// <summary>c [m, n] = a [m, k] b, with b [k, n] or, transposed, [n, k].</summary>
    public void Multiply(string name, Tensor a, Tensor b, bool transposeB, Tensor c)
    {
        (int m, int k, int n) = (a.Size(0), a.Size(1), c.Size(1));
        fixed (float* pa = a.Span, pb = b.Span, pc = c.Span)
        {
            if (name == "OpenBLAS")
            {
                _blas(RowMajor, NoTranspose, transposeB ? Transpose : NoTranspose, m, n, k, 1, pa, k, pb,
                    transposeB ? k : n, 0, pc, n);
            }
            else
            {
                _ = _dnnl((byte)'N', (byte)(transposeB ? 'T' : 'N'), m, n, k, 1, pa, k, pb, transposeB ? k : n, 0, pc,
                    n);
            }
        }
    }

    // The maker's name is in registers b, d and c: "Auth" "enti" "cAMD".
    private static bool IsAmd => X86Base.IsSupported && X86Base.CpuId(0, 0).Ebx == 0x68747541;

    // Environment.SetEnvironmentVariable changes .NET's copy only; a native library reads the process's.
    private static void SetVariable(string name, string value)
    {
        if (OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable(name) is null)
        {
            _ = SetEnvironment(name, value, 1);
        }
    }

    [DllImport("libc", EntryPoint = "setenv")]
    private static extern int SetEnvironment([MarshalAs(UnmanagedType.LPUTF8Str)] string name,
        [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);
}
