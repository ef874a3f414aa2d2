using System.CommandLine;
using Npgsql;
using PixSearch.Abstractions;
using PixSearch.Grains.Storage;
using PixSearch.Silo;
using PixSearch.Silo.Bench;

// One executable, several roles: a silo with an engine, a gateway, or both in one process.
var role = new Option<SiloRole>("--role")
{
    Description = "silo, gateway or all.",
    DefaultValueFactory = _ => SiloRole.All,
};
var initialize = new Option<bool>("--init-db")
    { Description = "Create the tables in PostgreSQL and end; may be run again." };
var probe = new Option<string?>("--probe")
    { Description = "Ask a URL and end with 0 when it answers 2xx (container health)." };
var bench = new Option<bool>("--bench")
    { Description = "Measure the engine alone, then 1, 2 and 3 silos on loopback, then the loss of one; then end." };
var clients = new Option<int>("--clients") { Description = "With --bench.", DefaultValueFactory = _ => 16 };
var questions = new Option<int>("--questions") { Description = "With --bench.", DefaultValueFactory = _ => 384 };
var silos = new Option<int>("--silos") { Description = "With --bench: at most.", DefaultValueFactory = _ => 3 };
var deeper = new Option<int>("--deeper")
{
    Description = "With --bench: the decoder's layers so many times over, for a model whose step costs more.",
    DefaultValueFactory = _ => 1,
};
var root = new RootCommand("PixSearch silo: settings come from PIXSEARCH__* variables.")
    { role, initialize, probe, bench, clients, questions, silos, deeper };
root.SetAction(async (parsed, cancellation) =>
{
    try
    {
        if (parsed.GetValue(probe) is { } url)
        {
            using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(4) };
            using HttpResponseMessage answer = await client.GetAsync(new Uri(url), cancellation);
            return answer.IsSuccessStatusCode ? 0 : 1;
        }

        SiloSettings settings = SiloSettings.FromEnvironment(Environment.GetEnvironmentVariable);
        if (parsed.GetValue(initialize))
        {
            await using NpgsqlDataSource database = NpgsqlDataSource.Create(settings.Postgres);
            await new SessionStore(database).InitializeAsync(cancellation);
            return 0;
        }

        if (parsed.GetValue(bench))
        {
            var load = new BenchLoad(parsed.GetValue(clients), parsed.GetValue(questions));
            using DeepModel? deep = parsed.GetValue(deeper) == 1
                ? null
                : new DeepModel(settings.Models, settings.DefaultModel, parsed.GetValue(deeper));
            settings = settings with { Models = deep?.Models ?? settings.Models };
            await new ClusterBench(settings, load, parsed.GetValue(silos), Console.Out).RunAsync(cancellation);
            return 0;
        }

        return await ClusterProcess.RunAsync(parsed.GetValue(role), settings, Console.Out, cancellation);
    }
    catch (Exception error) when (error is PixException or HttpRequestException or NpgsqlException)
    {
        Console.Error.WriteLine($"pixsearch-silo: {error.Message}");
        return 2;
    }
});

// The library would end the process two seconds after SIGTERM, in the middle of handing sessions over; the host's own
// handling of signals has no such limit, and Kubernetes' grace period is one.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
