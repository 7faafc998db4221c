using System.IO;
using UnrealBuildTool;

public class Hotseat : ModuleRules
{
    public Hotseat(ReadOnlyTargetRules Target) : base(Target)
    {
        PCHUsage = PCHUsageMode.UseExplicitOrSharedPCHs;
        CppStandard = CppStandardVersion.Cpp17;
        bEnableExceptions = true; // the client's errors; modules that call it need this, too
        PublicDependencyModuleNames.AddRange(new[] { "Core", "HTTP" });
        // the archive holds the headers there: ThirdParty/hotseat/client.hpp
        PublicSystemIncludePaths.Add(Path.Combine(ModuleDirectory, "../ThirdParty"));
    }
}
