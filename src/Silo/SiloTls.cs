using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Orleans.Connections.Security;
using Orleans.Hosting;
using PixSearch.Abstractions;

namespace PixSearch.Silo;

/// <summary>
/// Mutual TLS between silos, and between gateways and silos. A peer belongs to the cluster when the cluster's own
/// authority signed its certificate; names in it are not looked at, since silos are known by address and addresses
/// of pods change.
/// </summary>
internal sealed class SiloTls
{
    private const string TargetHost = "pixsearch-silo";

    private readonly X509Certificate2 _own;
    private readonly X509Certificate2Collection _authority = [];

    private SiloTls(SiloSettings settings)
    {
        try
        {
            using var pem = X509Certificate2.CreateFromPemFile(settings.TlsCertificate, settings.TlsKey);
            // SslStream wants a key that it can hand on; one read from PEM lives in this object only.
            _own = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
            _authority.ImportFromPemFile(settings.TlsAuthority);
        }
        catch (Exception error) when (error is IOException or CryptographicException or UnauthorizedAccessException)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                "PIXSEARCH__TLSCERTIFICATE, PIXSEARCH__TLSKEY and PIXSEARCH__TLSAUTHORITY must name PEM files of this "
                + $"process's certificate, its key and the cluster's authority: {error.Message}", error);
        }
    }

    /// <summary>Null when the settings ask for no TLS.</summary>
    /// <exception cref="PixException">Some of the three files are set and some are not, or one is bad.</exception>
    public static SiloTls? Load(SiloSettings settings)
    {
        string[] files = [settings.TlsCertificate, settings.TlsKey, settings.TlsAuthority];
        if (files.All(file => file.Length == 0))
        {
            return null;
        }

        return files.All(file => file.Length > 0)
            ? new SiloTls(settings)
            : throw new PixException(PixErrorKind.InvalidArgument,
                "PIXSEARCH__TLSCERTIFICATE, PIXSEARCH__TLSKEY and PIXSEARCH__TLSAUTHORITY go together: set all three, "
                + "or none for connections without TLS.");
    }

    /// <summary>Every connection of a silo.</summary>
    public void Apply(ISiloBuilder silo) => silo.UseTls(_own, Configure);

    /// <summary>Every connection of a gateway to silos.</summary>
    public void Apply(IClientBuilder client) => client.UseTls(_own, Configure);

    private void Configure(TlsOptions options)
    {
        options.ClientCertificateMode = RemoteCertificateMode.RequireCertificate;
        options.RemoteCertificateMode = RemoteCertificateMode.RequireCertificate;
        options.RemoteCertificateValidation = (certificate, _, _) => IsMember(certificate);
        options.OnAuthenticateAsClient = (_, authentication) => authentication.TargetHost = TargetHost;
    }

    private bool IsMember(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }
}
