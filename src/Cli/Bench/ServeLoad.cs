using PixSearch.Abstractions;
using PixSearch.Imaging;

namespace PixSearch.Cli.Bench;

/// <summary>What clients ask and how often.</summary>
internal sealed record ServeLoad
{
    /// <summary>Questions in all.</summary>
    public required int Questions { get; init; }

    /// <summary>Clients that ask again as soon as they have their answer; 0 for open loop.</summary>
    public int Clients { get; init; }

    /// <summary>Open loop: questions a second, Poisson.</summary>
    public double Rate { get; init; }

    /// <summary>Searches in each answer; region, text, region, ...</summary>
    public int Searches { get; init; }

    /// <summary>Sentences that stand before the question, as a conversation's history does.</summary>
    public int Context { get; init; }

    /// <summary>Different pictures; 1 is the best case of every cache.</summary>
    public int Pictures { get; init; } = 8;

    /// <summary>Seed of arrivals, pictures and questions.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The answer that a scripted model writes: about 12 tokens before, between and after the
    /// searches.</summary>
    public static string Script(int searches)
    {
        const string Words = "The flag on the left of the red drum";
        string script = Words;
        for (int i = 0; i < searches; i++)
        {
            script += i % 2 == 0
                ? "<search><region></search> is the flag of Fiji, and "
                : "<search>capital of Fiji</search> its capital is Suva, and the flag on the left";
        }

        return script + " of the picture is the answer to the question.";
    }

    /// <summary>Encoded pictures of noise over gradients, which no cache can take for one another.</summary>
    public IReadOnlyList<byte[]> MakePictures()
    {
        const int Side = 256;
        var pictures = new List<byte[]>();
        for (int p = 0; p < Pictures; p++)
        {
            SeededRandom random = SeededRandom.ForStream(Seed, (ulong)p);
            var pixels = new byte[Side * Side * 3];
            for (int i = 0; i < pixels.Length; i++)
            {
                pixels[i] = (byte)((i / (3 * Side) / 2) + random.NextInt(96));
            }

            pictures.Add(PictureCodec.EncodeJpeg(new RgbImage(Side, Side, pixels)));
        }

        return pictures;
    }

    /// <summary>Request number i.</summary>
    public AnswerRequest Request(int i, IReadOnlyList<byte[]> pictures) => new()
    {
        Question = string.Concat(Enumerable.Repeat("The flag on the left is of the drum. ", Context))
            + $"What is the capital of the country of flag {i} on the left of the drum?",
        Picture = pictures[i % pictures.Count],
        Tenant = $"tenant{i % 3}",
        Sampling = new SamplingOptions { MaxTokens = 400 },
    };
}
