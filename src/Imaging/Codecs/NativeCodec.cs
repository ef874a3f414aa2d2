using PixSearch.Abstractions;

namespace PixSearch.Imaging.Codecs;

/// <summary>Errors that the three native codecs share.</summary>
internal static class NativeCodec
{
    /// <summary>A file that its library refuses.</summary>
    public static PixException Refused(string format, string reason) =>
        new(PixErrorKind.InvalidPicture,
            $"The {format} picture is damaged or incomplete: {reason.Trim().TrimEnd('.')}.");

    /// <summary>Runs a native call; a library that is not installed becomes an error that names its package.</summary>
    public static T Call<T>(Func<T> call, string library, string package)
    {
        try
        {
            return call();
        }
        catch (DllNotFoundException error)
        {
            throw new PixException(PixErrorKind.Unavailable,
                $"The system library {library} is missing; install it with: apt-get install {package}", error);
        }
    }
}
