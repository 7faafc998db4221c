namespace Hotseat.Tests { internal static class Live { public static void Run(string a) { } } }
