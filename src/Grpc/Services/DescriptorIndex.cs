using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace PixSearch.Grpc;

/// <summary>Finds the files of descriptors by name or symbol, for reflection.</summary>
internal sealed class DescriptorIndex
{
    private readonly Dictionary<string, FileDescriptor> _files = [];
    private readonly Dictionary<string, FileDescriptor> _symbols = [];

    internal DescriptorIndex(IEnumerable<ServiceDescriptor> services)
    {
        foreach (ServiceDescriptor service in services)
        {
            ServiceNames.Add(service.FullName);
            AddFile(service.File);
        }

        ServiceNames.Sort(StringComparer.Ordinal);
    }

    internal List<string> ServiceNames { get; } = [];

    /// <summary>The file and all that it imports, itself first; null when there is none.</summary>
    internal IReadOnlyList<ByteString>? FindFile(string name) => Closure(_files.GetValueOrDefault(name));

    internal IReadOnlyList<ByteString>? FindSymbol(string symbol) => Closure(_symbols.GetValueOrDefault(symbol));

    /// <summary>True when it is a message of ours. None of our files declares extensions, so each has zero of
    /// them.</summary>
    internal bool HasMessage(string name) =>
        _symbols.TryGetValue(name, out FileDescriptor? file)
            && file.FindTypeByName<MessageDescriptor>(Local(file, name)) is not null;

    private static string Local(FileDescriptor file, string name) =>
        file.Package.Length > 0 && name.StartsWith(file.Package + ".", StringComparison.Ordinal)
            ? name[(file.Package.Length + 1)..]
            : name;

    private static List<ByteString>? Closure(FileDescriptor? file)
    {
        if (file is null)
        {
            return null;
        }

        var seen = new List<FileDescriptor> { file };
        for (int i = 0; i < seen.Count; i++)
        {
            seen.AddRange(seen[i].Dependencies.Where(next => !seen.Contains(next)).ToArray());
        }

        return [.. seen.Select(static one => one.SerializedData)];
    }

    private void AddFile(FileDescriptor file)
    {
        if (!_files.TryAdd(file.Name, file))
        {
            return;
        }

        foreach (ServiceDescriptor service in file.Services)
        {
            _symbols[service.FullName] = file;
            foreach (MethodDescriptor method in service.Methods)
            {
                _symbols[method.FullName] = file;
            }
        }

        foreach (EnumDescriptor type in file.EnumTypes)
        {
            AddEnum(type);
        }

        foreach (MessageDescriptor message in file.MessageTypes)
        {
            AddMessage(message);
        }

        foreach (FileDescriptor dependency in file.Dependencies)
        {
            AddFile(dependency);
        }
    }

    private void AddMessage(MessageDescriptor message)
    {
        _symbols[message.FullName] = message.File;
        foreach (FieldDescriptor field in message.Fields.InDeclarationOrder())
        {
            _symbols[field.FullName] = message.File;
        }

        foreach (EnumDescriptor type in message.EnumTypes)
        {
            AddEnum(type);
        }

        foreach (MessageDescriptor nested in message.NestedTypes)
        {
            AddMessage(nested);
        }
    }

    private void AddEnum(EnumDescriptor type)
    {
        _symbols[type.FullName] = type.File;
        foreach (EnumValueDescriptor value in type.Values)
        {
            _symbols[value.FullName] = type.File;
        }
    }
}
