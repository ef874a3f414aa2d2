using System.Runtime.CompilerServices;
using PixSearch.Grpc.Health.V1;
using ServingStatus = PixSearch.Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace PixSearch.Grpc;

/// <summary>
/// The standard health service (grpc/doc/health-checking.md). The empty name is the server as a whole; each service has
/// its own entry.
/// </summary>
public sealed class HealthService
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, ServingStatus> _statuses = new() { [""] = ServingStatus.Serving };
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Sets the status of a service and wakes all watchers.</summary>
    public void Set(string service, bool serving)
    {
        lock (_gate)
        {
            _statuses[service] = serving ? ServingStatus.Serving : ServingStatus.NotServing;
            Wake();
        }
    }

    /// <summary>Sets every known service at once: what a draining server does.</summary>
    public void SetAll(bool serving)
    {
        lock (_gate)
        {
            foreach (string name in _statuses.Keys.ToArray())
            {
                _statuses[name] = serving ? ServingStatus.Serving : ServingStatus.NotServing;
            }

            Wake();
        }
    }

    /// <summary>The service to map.</summary>
    public GrpcService Build() => new GrpcServiceBuilder(HealthReflection.Descriptor.Services[0])
        .Unary<HealthCheckRequest, HealthCheckResponse>("Check", CheckAsync)
        .ServerStream<HealthCheckRequest, HealthCheckResponse>("Watch", (request, call) =>
            WatchAsync(request, call.Cancellation))
        .Build();

    private Task<HealthCheckResponse> CheckAsync(HealthCheckRequest request, GrpcServerContext call)
    {
        lock (_gate)
        {
            return _statuses.TryGetValue(request.Service, out ServingStatus status)
                ? Task.FromResult(new HealthCheckResponse { Status = status })
                : throw new GrpcException(GrpcStatusCode.NotFound, "There is no service with that name.");
        }
    }

    /// <summary>Sends the status now and after each change of it; a watcher that reads slowly sees the newest
    /// only.</summary>
    private async IAsyncEnumerable<HealthCheckResponse> WatchAsync(HealthCheckRequest request,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        ServingStatus? sent = null;
        while (true)
        {
            ServingStatus now;
            Task changed;
            lock (_gate)
            {
                now = _statuses.GetValueOrDefault(request.Service, ServingStatus.ServiceUnknown);
                changed = _changed.Task;
            }

            if (now != sent)
            {
                sent = now;
                yield return new HealthCheckResponse { Status = now };
            }

            await changed.WaitAsync(cancellation);
        }
    }

    private void Wake()
    {
        _changed.SetResult();
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
