namespace Hotseat.Tests { internal static class Rules { } }
