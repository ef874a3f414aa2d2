using System.Reflection;
using System.Runtime.InteropServices;
using PixSearch.Abstractions;
using SQLitePCL;

namespace PixSearch.Retrieval;

/// <summary>
/// Binds Microsoft.Data.Sqlite to the system's SQLite (Debian's <c>libsqlite3.so.0</c>, which gets security updates),
/// instead of a copy of 2021 that the NuGet bundle carries. Every user of SQLite in a process calls <see cref="Use"/>
/// first.
/// </summary>
public static class SqliteProvider
{
    /// <summary>Names under which the system's library is looked for, in order.</summary>
    private static readonly string[] s_libraryNames = ["libsqlite3.so.0", "libsqlite3.dylib", "winsqlite3.dll"];

    private static readonly Lock s_gate = new();
    private static bool s_done;

    /// <summary>Makes SQLite usable; cheap when called again, from any thread.</summary>
    /// <exception cref="PixException"><see cref="PixErrorKind.Unavailable"/>: the library is not installed.</exception>
    public static void Use()
    {
        lock (s_gate)
        {
            if (s_done)
            {
                return;
            }

            nint library = Load();

            // A resolver can be set once for an assembly, hence the flag under the lock.
            NativeLibrary.SetDllImportResolver(typeof(SQLite3Provider_e_sqlite3).Assembly,
                (string name, Assembly _, DllImportSearchPath? _) => name == "e_sqlite3" ? library : 0);
            raw.SetProvider(new SQLite3Provider_e_sqlite3());
            raw.FreezeProvider();
            s_done = true;
        }
    }

    private static nint Load()
    {
        foreach (string name in s_libraryNames)
        {
            if (NativeLibrary.TryLoad(name, out nint library))
            {
                return library;
            }
        }

        throw new PixException(PixErrorKind.Unavailable,
            "SQLite is not installed: libsqlite3.so.0 was not found; install it with 'apt-get install libsqlite3-0'.");
    }
}
