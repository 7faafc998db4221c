namespace Hotseat.Tests { internal static class Faults { public static void Run(string a) { } } }
