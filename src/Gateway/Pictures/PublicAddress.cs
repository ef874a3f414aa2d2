using System.Net;
using System.Net.Sockets;

namespace PixSearch.Gateway.Pictures;

/// <summary>Which addresses belong to the public internet: all but the special-purpose blocks of RFC 6890 and its
/// successors.</summary>
internal static class PublicAddress
{
    private static readonly IPNetwork[] s_special =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
                "192.0.0.0/24",
            "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
            "224.0.0.0/4", "240.0.0.0/4",
        }.Select(IPNetwork.Parse),
    ];

    private static readonly IPNetwork s_globalUnicast = IPNetwork.Parse("2000::/3");

    // Inside 2000::/3: documentation, Teredo, ORCHID, 6to4 (which embeds any IPv4 address), and NAT64's relatives.
    private static readonly IPNetwork[] s_specialV6 =
        [.. new[] { "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20" }.Select(IPNetwork.Parse)];

    /// <summary>True for a public unicast address. IPv4 written as IPv6 is judged as IPv4.</summary>
    internal static bool IsPublic(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        return address.AddressFamily == AddressFamily.InterNetwork
            ? !s_special.Any(block => block.Contains(address))
            : s_globalUnicast.Contains(address) && !s_specialV6.Any(block => block.Contains(address));
    }
}
