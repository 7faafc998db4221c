namespace Hotseat.Tests { internal static class JsonRules { } }
