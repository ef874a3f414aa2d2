namespace PixSearch.Tensors;

/// <summary>Filters turned by half a turn, their channels exchanged: those of a convolution's way back.</summary>
internal unsafe struct FilterTurning : IJob
{
    private float* _weight;
    private float* _turned;
    private int _outputs;
    private int _inputs;
    private int _taps;

    /// <summary>
    /// turned [in][out][taps - 1 - i] = weight [out][in][i]. Shapes: weight [outputs, inputs, taps], turned [inputs,
    /// outputs, taps].
    /// </summary>
    public static void Run(WorkerPool pool, float* weight, int outputs, int inputs, int taps, float* turned)
    {
        var job = new FilterTurning
        {
            _weight = weight,
            _turned = turned,
            _outputs = outputs,
            _inputs = inputs,
            _taps = taps,
        };
        pool.Run(job, inputs);
    }

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        float* from = _weight + ((long)index * _taps);
        float* to = _turned + ((long)index * _outputs * _taps);
        long step = (long)_inputs * _taps;
        int last = _taps - 1;
        for (int m = _outputs; m > 0; m--, from += step, to += last + 1)
        {
            for (int i = 0; i <= last; i++)
            {
                to[i] = from[last - i];
            }
        }
    }
}
