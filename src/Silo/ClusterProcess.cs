using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orleans.Hosting;
using PixSearch.Abstractions;
using PixSearch.Gateway;
using PixSearch.Gateway.Telemetry;
using PixSearch.Grains;
using PixSearch.Grains.Storage;

namespace PixSearch.Silo;

/// <summary>Puts a process together, runs it until it is asked to end, and takes it down in order.</summary>
internal static class ClusterProcess
{
    // Orleans' activity sources are Microsoft.Orleans.Application and more, its one meter is Microsoft.Orleans.
    private const string OrleansTelemetry = "Microsoft.Orleans*";

    /// <summary>Runs a role; returns the exit code.</summary>
    public static async Task<int> RunAsync(SiloRole role, SiloSettings settings, TextWriter output,
        CancellationToken stop)
    {
        using OtlpExport telemetry = OtlpExport.FromEnvironment(OrleansTelemetry);
        await using NpgsqlDataSource database = Connect(settings.Postgres);
        var store = new SessionStore(database);
        await using SiloEngine? engine = role == SiloRole.Gateway ? null : SiloEngine.Open(settings, store);
        using IHost host = Build(role, settings, database, store, engine, telemetry);
        await host.StartAsync(stop);
        engine?.Started(host.Services);
        try
        {
            if (role == SiloRole.Silo)
            {
                await using var doors = new SiloDoors(settings, host.Services);
                await doors.StartAsync(stop);
                await AnnounceAsync(output, role, doors.Address, null);
                await WaitForSignalAsync(host, stop);
                await doors.DrainAsync();
            }
            else
            {
                await RunGatewayAsync(role, settings, store, host, telemetry, output, stop);

                // Streams that clients still read have ended by themselves or were handed over; what goes on unread
                // in this process's engine, if it has one, goes to other silos.
                await (host.Services.GetService<IEngineHost>()?.DrainAsync() ?? Task.CompletedTask);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Asked to end while starting: the rest is the orderly way down.
        }

        await host.StopAsync(CancellationToken.None);
        return 0;
    }

    private static async Task RunGatewayAsync(SiloRole role, SiloSettings settings, SessionStore store, IHost host,
        OtlpExport telemetry, TextWriter output, CancellationToken stop)
    {
        var answers = new ClusterAnswerService(host.Services.GetRequiredService<IGrainFactory>(), store,
            TimeProvider.System);
        var options = new GatewayOptions
        {
            Host = settings.ListenAddress,
            Port = settings.HttpPort,
            GrpcPort = settings.GrpcPort,
            DrainGrace = settings.DrainGrace,
            TenantsFile = settings.Tenants.Length > 0 ? settings.Tenants : null,
        };
        var catalog = new ClusterCatalog(settings);
        await using var gateway = new GatewayServer(options, new GatewayServices(answers, catalog, null, null),
            logging =>
            {
                // ASP.NET Core would write four lines for each request.
                logging.AddSimpleConsole(console => console.SingleLine = true)
                    .AddFilter("Microsoft", LogLevel.Warning);
                telemetry.AddTo(logging);
            });
        await gateway.StartAsync(stop);
        await AnnounceAsync(output, role, gateway.HttpAddress, gateway.GrpcAddress);
        await WaitForSignalAsync(host, stop, gateway.Stopping);
        await gateway.StopAsync();
    }

    /// <summary>
    /// Until SIGTERM or SIGINT. Not WaitForShutdownAsync: that stops the silo before its sessions could be handed over.
    /// </summary>
    private static async Task WaitForSignalAsync(IHost host, params CancellationToken[] others)
    {
        CancellationToken asked = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var registrations = new List<CancellationTokenRegistration>();
        foreach (CancellationToken token in others.Append(asked))
        {
            registrations.Add(token.Register(() => signal.TrySetResult()));
        }

        await signal.Task;
        foreach (CancellationTokenRegistration registration in registrations)
        {
            await registration.DisposeAsync();
        }
    }

    /// <summary>
    /// Every step of an engine runs the same statement, whose planning costs the server as much as running it: it is
    /// prepared, unless the connection string says otherwise (poolers between may not keep prepared statements).
    /// </summary>
    private static NpgsqlDataSource Connect(string settings)
    {
        var connection = new NpgsqlConnectionStringBuilder(settings);
        if (!connection.ShouldSerialize("Max Auto Prepare"))
        {
            connection.MaxAutoPrepare = 32;
        }

        return NpgsqlDataSource.Create(connection);
    }

    private static IHost Build(SiloRole role, SiloSettings settings, NpgsqlDataSource database, SessionStore store,
        SiloEngine? engine, OtlpExport telemetry)
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings
        {
            DisableDefaults = true,
        });
        builder.Logging.AddSimpleConsole(console => console.SingleLine = true).SetMinimumLevel(LogLevel.Warning);
        telemetry.AddTo(builder.Logging);
        builder.Services.AddSingleton(TimeProvider.System).AddSingleton(database).AddSingleton(store);
        if (role == SiloRole.Gateway)
        {
            builder.UseOrleansClient(client => Clustering.Configure(client, settings));
        }
        else
        {
            engine!.Register(builder.Services);
            builder.UseOrleans(silo =>
            {
                Clustering.Configure(silo, settings);
                silo.AddPixSearchGrains(new RetentionSettings(settings.Kept));
            });
        }

        return builder.Build();
    }

    /// <summary>One line that a script or test can read: where the doors are.</summary>
    private static Task AnnounceAsync(TextWriter output, SiloRole role, Uri http, Uri? grpc) =>
        output.WriteLineAsync($"ready role={role} http={http} grpc={grpc}".TrimEnd());
}
