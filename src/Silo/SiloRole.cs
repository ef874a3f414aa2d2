namespace PixSearch.Silo;

/// <summary>What a process of the cluster does.</summary>
public enum SiloRole
{
    /// <summary>A silo with an engine and a gateway's doors in one process.</summary>
    All,

    /// <summary>A silo with an engine.</summary>
    Silo,

    /// <summary>The HTTP and gRPC doors, as a client of the silos.</summary>
    Gateway,
}
