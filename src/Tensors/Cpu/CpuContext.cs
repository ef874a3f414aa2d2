namespace PixSearch.Tensors;

/// <summary>What a kernel needs besides its arguments: threads and scratch memory.</summary>
internal sealed record CpuContext(WorkerPool Pool, NativePool Memory);
