namespace PixSearch.Retrieval;

/// <summary>One document of a knowledge base.</summary>
/// <param name="Id">Unique in the knowledge base.</param>
/// <param name="Title">What the document is about.</param>
/// <param name="Text">What it says.</param>
/// <param name="Picture">Path of its picture, relative to the knowledge base; null for none.</param>
/// <param name="Entity">The entity that it describes, for evaluation; null when it describes none.</param>
/// <param name="Line">Line in <c>documents.jsonl</c>, from 1.</param>
public sealed record KnowledgeDocument(string Id, string Title, string Text, string? Picture, string? Entity, int Line);
