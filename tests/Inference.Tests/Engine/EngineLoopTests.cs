using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Inference.Sessions;
using PixSearch.Inference.Toys;

namespace PixSearch.Inference.Engine;

/// <summary>What <see cref="EngineLoop"/> adds to the engine: who is let in while its thread is busy.</summary>
public sealed class EngineLoopTests
{
    [Fact]
    public async Task Enter_AsManyAsTheEngineHoldsAreOnTheirWay_RefusesTheNextUntilOneGivesItsPlaceBack()
    {
        using var model = new ToyModel();
        await using EngineLoop loop = Open(model, sessionsMax: 2);
        using EnginePlace first = loop.Enter();
        EnginePlace second = loop.Enter();

        PixException error = Assert.Throws<PixException>(() => loop.Enter());
        Assert.Equal(PixErrorKind.Overloaded, error.Kind);
        Assert.Contains("SessionsMax", error.Message);
        Assert.Throws<PixException>(() => loop.Enter(resumed: true));

        // A place that is given back twice is one place.
        second.Dispose();
        second.Dispose();
        using EnginePlace third = loop.Enter();
        Assert.Throws<PixException>(() => loop.Enter());
        Assert.Equal(3, (await loop.StatsAsync()).SessionsRefused);
    }

    [Fact]
    public async Task SubmitAsync_GivesThePlaceBack_WhetherTheSessionRunsOrNot()
    {
        using var model = new ToyModel();
        await using EngineLoop loop = Open(model, sessionsMax: 1);
        for (int i = 0; i < 3; i++)
        {
            using EnginePlace place = loop.Enter();
            EventStream events = await loop.SubmitAsync(Request($"{i}"), place);
            await foreach (SessionEvent item in events.ReadAsync(0))
            {
                Assert.True(item.Sequence >= 0);
            }

            // Between two steps, so after the one that let the session go.
            await loop.StatsAsync();
        }

        using (EnginePlace place = loop.Enter())
        {
            EngineRequest broken = Request("broken") with { Options = new SessionOptions { SearchBudget = -1 } };
            await Assert.ThrowsAsync<PixException>(() => loop.SubmitAsync(broken, place));
        }

        using EnginePlace after = loop.Enter();
    }

    private static EngineLoop Open(ToyModel model, int sessionsMax) => new(model, new Unasked(),
        new EngineOptions { PageCount = 256, SessionsMax = sessionsMax }, TimeProvider.System, new NoSessionLog());

    private static EngineRequest Request(string id)
    {
        RgbImage picture = EngineHarness.Picture(1);
        var answer = new AnswerRequest { Question = "The car is red.", Tenant = "acme", Model = "toy" };
        return new EngineRequest(id, answer, new SessionOptions(), picture, EngineRequest.KeyOf("acme", picture));
    }

    private sealed class Unasked : IRetriever
    {
        public ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation) =>
            throw new InvalidOperationException("Nothing searches here.");
    }
}
