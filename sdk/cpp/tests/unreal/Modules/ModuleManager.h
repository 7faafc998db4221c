// Unreal's macro of a module without code of its own.
#pragma once

struct FDefaultModuleImpl {};
#define IMPLEMENT_MODULE(type, name) type name##Module;
