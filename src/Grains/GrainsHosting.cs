using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Hosting;
using Orleans.Placement;
using Orleans.Runtime.Hosting;
using PixSearch.Grains.Feeds;
using PixSearch.Grains.Placement;
using PixSearch.Grains.Storage;

namespace PixSearch.Grains;

/// <summary>What a silo must register for these grains, besides <see cref="IEngineHost"/> and
/// <see cref="IShardHost"/>.</summary>
public static class GrainsHosting
{
    /// <summary>Placement, the load board's publisher and its view, the removal of what was kept long
    /// enough.</summary>
    public static ISiloBuilder AddPixSearchGrains(this ISiloBuilder silo, RetentionSettings retention)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(retention.Kept, SessionRetention.Shortest);
        silo.Services.AddSingleton(retention);
        silo.Services.AddSingleton<LoadView>();
        silo.Services.AddSingleton<EventFeeds>();
        silo.Services.AddSingleton<IHostedService, LoadPublisher>();
        silo.Services.AddSingleton<SessionRetention>();
        silo.Services.AddSingleton<IHostedService, RetentionService>();
        silo.Services.AddPlacementFilter<EngineFilter, EngineFilterDirector>(ServiceLifetime.Singleton);
        silo.AddPlacementDirector<SiloKeyPlacement, SiloKeyDirector>();
        silo.AddPlacementDirector<ReplicaPlacement, ReplicaDirector>();
        silo.AddPlacementDirector<EnginePlacement, EngineDirector>();
        return silo;
    }
}
