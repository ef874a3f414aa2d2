using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Orleans.Hosting;

namespace PixSearch.Silo;

/// <summary>Membership in PostgreSQL, and the timeouts by which the loss of a silo is noticed (docs/adr).</summary>
internal static class Clustering
{
    // The name under which ADO.NET finds Npgsql's factory.
    private const string Invariant = "Npgsql";

    /// <summary>
    /// A silo is probed every second and suspected after three silent ones; two votes, or one when there are only
    /// two, end it: a
    /// killed silo is gone after about four seconds, within the ten that a client's stream may pause. A busy
    /// two-core machine delays answers by some hundred milliseconds, far below a second.
    /// </summary>
    public static void Configure(ISiloBuilder silo, SiloSettings settings)
    {
        silo.UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = (Invariant,
            settings.Postgres));
        silo.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) =
            (settings.ClusterId, settings.ServiceId));
        silo.ConfigureEndpoints(IPAddress.Parse(settings.AdvertisedAddress), settings.SiloPort, settings.GatewayPort,
            listenOnAnyHostAddress: settings.AdvertisedAddress != "127.0.0.1");
        silo.Configure<ClusterMembershipOptions>(options =>
        {
            options.ProbeTimeout = TimeSpan.FromSeconds(1);
            options.NumMissedProbesLimit = 3;
            options.NumVotesForDeathDeclaration = 2;
            options.TableRefreshTimeout = TimeSpan.FromSeconds(5);
            options.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(10);
            options.DefunctSiloExpiration = TimeSpan.FromHours(1);
            options.DefunctSiloCleanupPeriod = TimeSpan.FromMinutes(10);
        });

        // Calls that wait for a silo that died fail by membership, not by this; it bounds what membership does not see.
        silo.Configure<SiloMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(15));
    }

    /// <summary>A gateway finds silos in the same table.</summary>
    public static void Configure(IClientBuilder client, SiloSettings settings)
    {
        client.UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = (Invariant,
            settings.Postgres));
        client.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) =
            (settings.ClusterId, settings.ServiceId));
        client.Configure<GatewayOptions>(options => options.GatewayListRefreshPeriod = TimeSpan.FromSeconds(2));
        client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(15));
    }
}
