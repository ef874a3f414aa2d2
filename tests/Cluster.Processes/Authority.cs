using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PixSearch.Cluster.Processes;

/// <summary>A certificate authority for one test cluster, and certificates by it, as PEM files.</summary>
internal sealed class Authority
{
    private static readonly DateTimeOffset s_from = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset s_until = new(2099, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly string _folder;
    private readonly X509Certificate2 _root;

    public Authority(string folder)
    {
        _folder = Directory.CreateDirectory(folder).FullName;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        _root = request.CreateSelfSigned(s_from, s_until);
        File.WriteAllText(RootPath, _root.ExportCertificatePem());
    }

    public string RootPath => Path.Combine(_folder, "authority.pem");

    /// <summary>The settings of a process that holds a certificate by this authority.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="trusted">The authority that it trusts; null for this one.</param>
    public IReadOnlyDictionary<string, string> Issue(string name, Authority? trusted = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        Span<byte> serial = stackalloc byte[8];
        RandomNumberGenerator.Fill(serial);
        using X509Certificate2 issued = request.Create(_root, s_from.AddDays(1), s_until.AddDays(-1), serial);
        string certificate = Path.Combine(_folder, $"{name}.pem");
        string secret = Path.Combine(_folder, $"{name}.key");
        File.WriteAllText(certificate, issued.ExportCertificatePem());
        File.WriteAllText(secret, key.ExportPkcs8PrivateKeyPem());
        return new Dictionary<string, string>
        {
            ["TLSCERTIFICATE"] = certificate,
            ["TLSKEY"] = secret,
            ["TLSAUTHORITY"] = (trusted ?? this).RootPath,
        };
    }
}
