using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Orleans.Hosting;
using PixSearch.Abstractions;

namespace PixSearch.Silo;

/// <summary>Membership in PostgreSQL or, on one machine, a list; and the timeouts by which the loss of a silo is
/// noticed (docs/adr/0006).</summary>
internal static class Clustering
{
    // The name under which ADO.NET finds Npgsql's factory.
    private const string Invariant = "Npgsql";

    /// <summary>
    /// A silo is probed every second and suspected after three silent ones; two votes, or one when there are only
    /// two, end it: a killed silo is gone after about four seconds, within the ten that a client's stream may pause.
    /// A busy two-core machine delays answers by some hundred milliseconds, far below a second.
    /// </summary>
    public static void Configure(ISiloBuilder silo, SiloSettings settings)
    {
        (IPEndPoint Silo, IPEndPoint Gateway)[] local = LocalSilos(settings);
        if (local.Length > 0)
        {
            silo.UseDevelopmentClustering(local[0].Silo);
        }
        else
        {
            silo.UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = (Invariant,
                settings.Postgres));
        }

        silo.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) =
            (settings.ClusterId, settings.ServiceId));
        IPAddress address = Resolve(settings.AdvertisedAddress);
        silo.ConfigureEndpoints(address, settings.SiloPort, settings.GatewayPort,
            listenOnAnyHostAddress: !IPAddress.IsLoopback(address));
        silo.Configure<ClusterMembershipOptions>(options =>
        {
            // Orleans fits the period to how fast a silo answers; and while a silo's connection was heard of within the
            // longest period times the missed probes, it cannot be voted out. By itself that is 12 s for a frozen silo.
            options.ProbeTimeout = options.MinProbeTimeout = TimeSpan.FromSeconds(1);
            options.MaxProbeTimeout = TimeSpan.FromSeconds(1.5);
            options.NumMissedProbesLimit = 3;
            options.NumVotesForDeathDeclaration = 2;
            options.TableRefreshTimeout = TimeSpan.FromSeconds(5);
            options.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(10);
            options.DefunctSiloExpiration = TimeSpan.FromHours(1);
            options.DefunctSiloCleanupPeriod = TimeSpan.FromMinutes(10);
        });

        SiloTls.Load(settings)?.Apply(silo);
        silo.AddActivityPropagation();

        // Calls that wait for a silo that died fail by membership, not by this; it bounds what membership does not see.
        silo.Configure<SiloMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(15));
    }

    /// <summary>The silos of static membership; none for membership in the database.</summary>
    private static (IPEndPoint Silo, IPEndPoint Gateway)[] LocalSilos(SiloSettings settings) =>
    [
        .. settings.LocalSilos.Split(':', StringSplitOptions.RemoveEmptyEntries).Select(entry =>
        {
            string[] ports = entry.Split('/');
            return ports.Length == 2 && ushort.TryParse(ports[0], out ushort silo)
                && ushort.TryParse(ports[1], out ushort gateway)
                ? (new IPEndPoint(IPAddress.Loopback, silo), new IPEndPoint(IPAddress.Loopback, gateway))
                : throw new PixException(PixErrorKind.InvalidArgument,
                    $"PIXSEARCH__LOCALSILOS holds '{entry}'; each entry must be siloPort/gatewayPort, "
                    + "as in 11111/30000:11112/30001.");
        }),
    ];

    /// <summary>The first IPv4 address of a name (a container's own, in compose), or the address itself.</summary>
    private static IPAddress Resolve(string host)
    {
        if (IPAddress.TryParse(host, out IPAddress? address))
        {
            return address;
        }

        try
        {
            return Dns.GetHostAddresses(host, AddressFamily.InterNetwork)[0];
        }
        catch (SocketException error)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"PIXSEARCH__ADVERTISEDADDRESS is '{host}', which is neither an address nor a known name: "
                + error.Message, error);
        }
    }

    /// <summary>A gateway finds silos in the same table.</summary>
    public static void Configure(IClientBuilder client, SiloSettings settings)
    {
        (IPEndPoint Silo, IPEndPoint Gateway)[] local = LocalSilos(settings);
        if (local.Length > 0)
        {
            client.UseStaticClustering([.. local.Select(silo => silo.Gateway)]);
        }
        else
        {
            client.UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = (Invariant,
                settings.Postgres));
        }

        client.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) =
            (settings.ClusterId, settings.ServiceId));
        SiloTls.Load(settings)?.Apply(client);
        client.AddActivityPropagation();
        client.Configure<GatewayOptions>(options => options.GatewayListRefreshPeriod = TimeSpan.FromSeconds(2));
        client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(15));
    }
}
