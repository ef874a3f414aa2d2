using System.Globalization;
using System.Text;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;

namespace PixSearch.Grains.Placement;

/// <summary>Places replica k of a shard on the k-th silo after the one that its hash names: never two on one.</summary>
[GenerateSerializer, Immutable]
[Alias("pixsearch.ReplicaPlacement")]
public sealed class ReplicaPlacement : PlacementStrategy
{
    /// <summary>The one instance.</summary>
    public static ReplicaPlacement Singleton { get; } = new();

    /// <summary>The key of a shard's replica.</summary>
    public static string KeyOf(string index, int shard, int replica) =>
        string.Create(CultureInfo.InvariantCulture, $"{index}/{shard}/{replica}");

    /// <summary>Index and shard of a key.</summary>
    public static (string Index, int Shard) Parse(string key)
    {
        string[] parts = key.Split('/');
        return (parts[0], int.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    internal static int Offset(string key, int silos)
    {
        string[] parts = key.Split('/');
        uint hash = 2166136261;
        foreach (byte value in Encoding.UTF8.GetBytes($"{parts[0]}/{parts[1]}"))
        {
            hash = (hash ^ value) * 16777619;
        }

        return (int)((hash + uint.Parse(parts[2], CultureInfo.InvariantCulture)) % (uint)silos);
    }
}

/// <summary>For grains whose key ends with the number of a replica.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class ReplicaPlacementAttribute() : PlacementAttribute(ReplicaPlacement.Singleton);

/// <summary>Finds the silo; every caller computes the same.</summary>
internal sealed class ReplicaDirector : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target,
        IPlacementContext context)
    {
        SiloAddress[] silos = [.. context.GetCompatibleSilos(target).Order()];
        return silos.Length > 0
            ? Task.FromResult(silos[ReplicaPlacement.Offset(target.GrainIdentity.Key.ToString()!, silos.Length)])
            : throw new SiloUnavailableException("No silo of the cluster can hold an index.");
    }
}
