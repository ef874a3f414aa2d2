using System.Net;
using System.Net.Sockets;
using PixSearch.Abstractions;

namespace PixSearch.Gateway.Pictures;

/// <summary>
/// Fetches pictures by URL without becoming a way into the private network: allow-listed hosts, no redirects, no proxy,
/// and the address that is really connected to is checked, so a name that resolves differently the second time changes
/// nothing.
/// </summary>
internal sealed class RemotePictures : IDisposable
{
    private readonly RemotePictureOptions _options;
    private readonly HttpClient _http;

    internal RemotePictures(RemotePictureOptions options, Func<IPAddress, bool>? isAllowed = null)
    {
        _options = options;
        Func<IPAddress, bool> allowed = isAllowed ?? PublicAddress.IsPublic;
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(1),
            MaxResponseHeadersLength = 16,
            ConnectCallback = (context, cancellation) => ConnectAsync(context.DnsEndPoint, allowed, cancellation),
        })
        {
            Timeout = options.Timeout,
        };
        _http.DefaultRequestHeaders.Add("Accept", "image/jpeg,image/png,image/webp");
    }

    /// <summary>The bytes behind a URL; throws <see cref="PixErrorKind.InvalidPicture"/> for anything but a picture of
    /// ours to fetch.</summary>
    internal async Task<byte[]> FetchAsync(string url, CancellationToken cancellation)
    {
        Uri address = Check(url);
        try
        {
            using HttpResponseMessage response =
                await _http.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw Refused($"the server answered {(int)response.StatusCode} (redirects are not followed)");
            }

            if (response.Content.Headers.ContentLength > _options.BytesMax)
            {
                throw Refused($"it has {response.Content.Headers.ContentLength} bytes, more than {_options.BytesMax}");
            }

            await using Stream body = await response.Content.ReadAsStreamAsync(cancellation);
            return await ReadAsync(body, cancellation);
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            throw Refused(error.InnerException is PixException inner ? inner.Message : "the server cannot be reached");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw Refused($"it took longer than {_options.Timeout.TotalSeconds} s");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private Uri Check(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? address) || address.UserInfo.Length > 0)
        {
            throw Refused("it is not a plain absolute URL");
        }

        bool scheme = address.Scheme == Uri.UriSchemeHttps
            || (_options.AllowHttp && address.Scheme == Uri.UriSchemeHttp);
        if (!scheme)
        {
            throw Refused($"the scheme '{address.Scheme}' is not allowed");
        }

        string host = address.IdnHost.TrimEnd('.').ToLowerInvariant();
        bool listed = _options.AllowedHosts.Any(one => one.StartsWith("*.", StringComparison.Ordinal)
            ? host.EndsWith(one[1..].ToLowerInvariant(), StringComparison.Ordinal)
            : host.Equals(one, StringComparison.OrdinalIgnoreCase));
        return listed ? address : throw Refused("its host is not in the server's allow list");
    }

    private async Task<byte[]> ReadAsync(Stream body, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(_options.Timeout);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        using var bytes = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        int count;
        while ((count = await body.ReadAsync(buffer, both.Token)) > 0)
        {
            if (bytes.Length + count > _options.BytesMax)
            {
                throw Refused($"it has more than {_options.BytesMax} bytes");
            }

            bytes.Write(buffer, 0, count);
        }

        return bytes.ToArray();
    }

    private static async ValueTask<Stream> ConnectAsync(DnsEndPoint target, Func<IPAddress, bool> allowed,
        CancellationToken cancellation)
    {
        IPAddress[] addresses = await Dns.GetHostAddressesAsync(target.Host, cancellation);
        IPAddress address = Array.Find(addresses, one => allowed(one)) ??
            throw new PixException(PixErrorKind.InvalidPicture, "its host has no public address");
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(new IPEndPoint(address, target.Port), cancellation);
            if (socket.RemoteEndPoint is not IPEndPoint end || !allowed(end.Address))
            {
                throw new PixException(PixErrorKind.InvalidPicture, "its host has no public address");
            }

            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static PixException Refused(string why) =>
        new(PixErrorKind.InvalidPicture, $"The picture's URL is refused: {why}.");
}
