using PixSearch.Models.Text;
using PixSearch.Tensors;

namespace PixSearch.Models.Parity;

/// <summary>LLaMA and Qwen2: whole sequences in a batch and one by one, and through paged keys and values.</summary>
internal static class LlamaParity
{
    // A page of 5 positions divides no sequence length of the published files: the last page is never full.
    private const int PageSize = 5;

    public static void Run(Fixture fixture)
    {
        var config = new LlamaConfig
        {
            HiddenSize = fixture.Int("hidden_size"),
            NumHiddenLayers = fixture.Int("num_hidden_layers"),
            NumAttentionHeads = fixture.Int("num_attention_heads"),
            NumKeyValueHeads = fixture.Int("num_key_value_heads"),
            IntermediateSize = fixture.Int("intermediate_size"),
            VocabSize = fixture.Int("vocab_size"),
            RopeTheta = fixture.Float("rope_theta"),
            RmsNormEps = fixture.Float("rms_norm_eps"),
            TieWordEmbeddings = fixture.Bool("tie_word_embeddings"),
            AttentionBias = fixture.Has("model.layers.0.self_attn.q_proj.bias"),
        };
        var model = new Llama(fixture.Weights.Root, config);
        fixture.CheckWeights();
        Shape shape = fixture.ShapeOf("test.input_ids");
        int[] ids = fixture.Ids("test.input_ids");

        Tensor batched = Whole(fixture, model, ids, shape[0]);
        Report(fixture, model, "batched", batched);
        var rows = new Tensor[shape[0]];
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = Whole(fixture, model, ids[(i * shape[1])..((i + 1) * shape[1])], 1);
        }

        Report(fixture, model, "one by one", fixture.Backend.Concat(0, rows));
        Report(fixture, model, "cached", Cached(fixture, model, ids, shape[0]));
        if (fixture.Has("test.greedy_ids"))
        {
            fixture.CompareIds("test.greedy_ids", "cached", Greedy(fixture, model, ids.AsSpan(0, shape[1])));
        }
    }

    private static void Report(Fixture fixture, Llama model, string path, Tensor hidden)
    {
        fixture.Compare("test.hidden_after_norm", path, hidden);
        fixture.Compare("test.logits", path, model.Logits(fixture.Backend, hidden));
    }

    private static Tensor Whole(Fixture fixture, Llama model, int[] ids, int batch)
    {
        IBackend backend = fixture.Backend;
        Tensor x = model.Embed(backend, ids);
        x = backend.Reshape(x, new Shape(batch, ids.Length / batch, model.Config.HiddenSize));
        return model.ForwardSequence(backend, x, AttentionMask.CausalOnly);
    }

    // All sequences in common steps of unequal chunks, then the last third token by token.
    private static Tensor Cached(Fixture fixture, Llama model, int[] ids, int batch)
    {
        IBackend backend = fixture.Backend;
        int length = ids.Length / batch;
        int pages = (length + PageSize - 1) / PageSize;
        using KvStore store = model.CreateKvStore(backend, batch * pages, PageSize);
        var parts = new List<Tensor>();
        for (int start = 0; start < length;)
        {
            int count = start == 0 ? Math.Max(1, length / 2) : start < length * 2 / 3 ? (length * 2 / 3) - start : 1;
            Tensor step = Step(fixture, model, store, ids, batch, start, count);
            parts.Add(backend.Reshape(step, new Shape(batch, count, model.Config.HiddenSize)));
            start += count;
        }

        return backend.Concat(1, [.. parts]);
    }

    // Pages are dealt out in turn: page p of sequence s is p * batch + s, so that no sequence's pages are adjacent.
    private static Tensor Step(Fixture fixture, Llama model, KvStore store, int[] ids, int batch, int start, int count)
    {
        int length = ids.Length / batch;
        int pages = (start + count + PageSize - 1) / PageSize;
        int[] step = new int[batch * count];
        var sequences = new PagedSequence[batch];
        for (int s = 0; s < batch; s++)
        {
            ids.AsSpan((s * length) + start, count).CopyTo(step.AsSpan(s * count));
            int[] own = [.. Enumerable.Range(0, pages).Select(page => (page * batch) + s)];
            sequences[s] = new PagedSequence(own, s * count, count, start);
        }

        Tensor x = model.Embed(fixture.Backend, step);
        return model.ForwardStep(fixture.Backend, x, store, new PagedBatch { Sequences = sequences });
    }

    private static int[] Greedy(Fixture fixture, Llama model, ReadOnlySpan<int> prompt)
    {
        int length = fixture.Ids("test.greedy_ids").Length;
        int[] ids = new int[length];
        prompt.CopyTo(ids);
        using KvStore store = model.CreateKvStore(fixture.Backend, (length + PageSize - 1) / PageSize, PageSize);
        int start = 0;
        for (int next = prompt.Length; next < length; next++)
        {
            Tensor hidden = Step(fixture, model, store, ids, 1, start, next - start);
            Tensor last = fixture.Backend.Slice(hidden, 0, next - start - 1, 1);
            ids[next] = fixture.Backend.ArgMax(model.Logits(fixture.Backend, last))[0];
            start = next;
        }

        return ids;
    }
}
