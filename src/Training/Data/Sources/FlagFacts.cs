namespace PixSearch.Training.Data.Sources;

/// <summary>What is asked about countries, and how their cards say it.</summary>
internal static class FlagFacts
{
    /// <summary>Capital of a country.</summary>
    public static readonly FactKind Capital = new("capital", "capital {value}", ValueForm.Name,
    [
        "What is the capital of the country of {ref}?", "Which city is the capital of the country of {ref}?",
        "{ref} belongs to a country. What is its capital?", "Name the capital of the country that uses {ref}.",
    ], "Its capital is {value}.", "capital");

    /// <summary>Continent.</summary>
    public static readonly FactKind Continent = new("region", "continent {value}", ValueForm.Name,
    [
        "On which continent is the country of {ref}?", "Which continent does the country of {ref} belong to?",
    ], "Its continent is {value}.", "continent");

    /// <summary>Subregion by the United Nations.</summary>
    public static readonly FactKind Subregion = new("subregion", "subregion {value}", ValueForm.Name,
    [
        "Which subregion is the country of {ref} in?", "What is the subregion of the country of {ref}?",
    ], "Its subregion is {value}.", "subregion");

    /// <summary>Currency; its document is a second one.</summary>
    public static readonly FactKind Currency = new("currency", "currency {value}", ValueForm.Name,
    [
        "What is the currency of the country of {ref}?", "Which money is used in the country of {ref}?",
        "With which currency does one pay in the country of {ref}?",
    ], "Its currency is {value}.", "currency");

    /// <summary>One or two languages.</summary>
    public static readonly FactKind Language = new("language", "language {value}", ValueForm.Name,
    [
        "Which language is spoken in the country of {ref}?", "What is the language of the country of {ref}?",
    ], "Its language is {value}.", "language");

    /// <summary>Area in square kilometres.</summary>
    public static readonly FactKind Area = new("area", "area {value}", ValueForm.Number,
    [
        "How large is the country of {ref}?", "What is the area of the country of {ref}?",
    ], "Its area is {value}.", "area");

    /// <summary>How many countries border it.</summary>
    public static readonly FactKind Neighbours = new("neighbours", "neighbours {value}", ValueForm.Number,
    [
        "How many neighbours does the country of {ref} have?", "How many countries border the country of {ref}?",
    ], "Its number of neighbours is {value}.", "number of neighbours");

    /// <summary>Of a capital's document.</summary>
    public static readonly FactKind CallingCode = new("calling-code", "calling code {value}", ValueForm.Number,
    [
        "What is the calling code of the capital of the country of {ref}?",
        "Which calling code does one dial for the capital of the country of {ref}?",
    ], "The calling code is {value}.", "calling code");

    /// <summary>Of a capital's document.</summary>
    public static readonly FactKind Domain = new("domain", "internet domain {value}", ValueForm.Code,
    [
        "What is the internet domain of the capital of the country of {ref}?",
    ], "The internet domain is {value}.", "internet domain");

    /// <summary>Of a currency's document.</summary>
    public static readonly FactKind CurrencyCode = new("currency-code", "currency code {value}", ValueForm.Code,
    [
        "What is the code of the currency of the country of {ref}?",
        "Which currency code has the money of the country of {ref}?",
    ], "The currency code is {value}.", "currency code");

    /// <summary>Of a currency's document: how many countries use it.</summary>
    public static readonly FactKind Users = new("users", "number of users {value}", ValueForm.Number,
    [
        "How many countries use the currency of the country of {ref}?",
    ], "The number of users is {value}.", "number of users");
}
