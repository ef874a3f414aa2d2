using System.Net;
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using PixSearch.Grpc;
using PixSearch.Grpc.Tests;

namespace PixSearch.Gateway.Tests;

/// <summary>Both doors over TLS, with a certificate that only the test's clients trust.</summary>
public sealed class TlsTests
{
    [Fact]
    public async Task Http_OverTls_ServesBothVersionsAndRefusesPlainText()
    {
        using X509Certificate2 certificate = MakeCertificate();
        await using GatewayFixture gateway = await StartAsync(certificate);
        foreach (Version version in (Version[])[HttpVersion.Version11, HttpVersion.Version20])
        {
            using var http = new HttpClient(Trusting(certificate)) { BaseAddress = Https(gateway.Server.HttpAddress) };
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/answers")
            {
                Version = version,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = JsonContent.Create(new { question = "q" }),
            };
            request.Headers.Add("Authorization", $"Bearer {GatewayFixture.Key}");
            using HttpResponseMessage response = await http.SendAsync(request);
            Assert.Equal((HttpStatusCode.OK, version), (response.StatusCode, response.Version));
        }

        using var plain = new HttpClient { BaseAddress = new UriBuilder(gateway.Server.HttpAddress) { Scheme = "http" }
            .Uri };
        await Assert.ThrowsAsync<HttpRequestException>(() => plain.GetAsync(new Uri("/health/live", UriKind.Relative)));
        using var stranger = new HttpClient { BaseAddress = Https(gateway.Server.HttpAddress) };
        await Assert.ThrowsAsync<HttpRequestException>(() =>
            stranger.GetAsync(new Uri("/health/live", UriKind.Relative)));
    }

    [Fact]
    public async Task Grpc_OverTls_StreamsAnAnswer()
    {
        using X509Certificate2 certificate = MakeCertificate();
        await using GatewayFixture gateway = await StartAsync(certificate);
        using SocketsHttpHandler handler = Trusting(certificate);
        using var channel = new GrpcChannel(Https(gateway.Server.GrpcAddress), handler: handler);
        var events = new List<V1.AnswerEvent>();
        await foreach (V1.AnswerEvent next in channel.ServerStreamAsync<V1.AnswerRequest, V1.AnswerEvent>(
            "/pixsearch.v1.PixSearch/Answer", new V1.AnswerRequest { Question = "q" }, gateway.Call))
        {
            events.Add(next);
        }

        Assert.NotNull(events[^1].Finished);
    }

    [ExternalClientFact(ExternalClient.GrpcJs)]
    public async Task GrpcJs_OverTls_AnswersAndChecksTheAuthority()
    {
        using X509Certificate2 certificate = MakeCertificate();
        await using GatewayFixture gateway = await StartAsync(certificate);
        string folder = Directory.CreateTempSubdirectory("px-tls").FullName;
        string authority = Path.Combine(folder, "ca.pem");
        await File.WriteAllTextAsync(authority, certificate.ExportCertificatePem());
        string output = await ExternalClients.RunAsync(ExternalClient.GrpcJs, Path.Combine("Interop", "tls-js.cjs"),
            gateway.Server.GrpcAddress.Authority, GatewayFixture.Key, authority,
            Path.Combine(AppContext.BaseDirectory, "Protos"));
        Directory.Delete(folder, recursive: true);
        Assert.Equal(2, output.Split('\n').Count(static line => line.StartsWith("ok ", StringComparison.Ordinal)));
    }

    private static Task<GatewayFixture> StartAsync(X509Certificate2 certificate) =>
        GatewayFixture.StartAsync(configure: options => options with { Certificate = certificate });

    private static Uri Https(Uri address) => new UriBuilder(address) { Scheme = "https", Host = "127.0.0.1" }.Uri;

    private static SocketsHttpHandler Trusting(X509Certificate2 certificate) => new()
    {
        SslOptions = new SslClientAuthenticationOptions
        {
            RemoteCertificateValidationCallback = (_, shown, _, _) =>
                shown is not null && shown.GetCertHashString() == certificate.GetCertHashString(),
        },
    };

    /// <summary>As <c>px serve --tls-cert --tls-key</c> reads it: from PEM.</summary>
    private static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using X509Certificate2 made = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509Certificate2.CreateFromPem(made.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }
}
