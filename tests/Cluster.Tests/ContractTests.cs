using System.Reflection;
using PixSearch.Grains.Contracts;

namespace PixSearch.Cluster.Tests;

/// <summary>
/// Goal: what crosses silos never changes its meaning, since silos of two versions talk to each other in every rolling
/// update. A line of contracts.txt may be added; one that changes or goes needs a new member or a new alias.
/// </summary>
public sealed class ContractTests
{
    [Fact]
    public void Contracts_AreThoseOfTheSnapshot()
    {
        Assembly tests = typeof(ContractTests).Assembly;
        using var reader = new StreamReader(tests.GetManifestResourceStream("contracts.txt")!);
        Assert.Equal(reader.ReadToEnd().ReplaceLineEndings("\n"), Describe());
    }

    private static string Describe()
    {
        var lines = new List<string>();
        foreach (Type type in typeof(EngineReport).Assembly.GetTypes())
        {
            if (type.Namespace != typeof(EngineReport).Namespace
                || type.GetCustomAttribute<AliasAttribute>() is not { } name)
            {
                continue;
            }

            lines.AddRange(type.IsInterface
                ? type.GetMethods().Select(method => $"{name.Alias}.{Describe(method)}")
                : type.GetProperties().Where(property => property.IsDefined(typeof(IdAttribute)))
                    .Select(property => $"{name.Alias}[{property.GetCustomAttribute<IdAttribute>()!.Id}] "
                        + $"{Name(property.PropertyType)} {property.Name}"));
        }

        return string.Concat(lines.Order(StringComparer.Ordinal).Select(line => line + "\n"));
    }

    private static string Describe(MethodInfo method) =>
        $"{method.GetCustomAttribute<AliasAttribute>()?.Alias ?? "(no alias)"}"
        + $"({string.Join(", ", method.GetParameters().Select(parameter => Name(parameter.ParameterType)))})"
        + $" {Name(method.ReturnType)}";

    private static string Name(Type type) => type.IsGenericType
        ? $"{type.Name[..type.Name.IndexOf('`')]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>"
        : type.Name;
}
