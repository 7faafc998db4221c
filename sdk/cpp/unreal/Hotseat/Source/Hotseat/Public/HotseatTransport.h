// The client's transport over Unreal's FHttpModule.
#pragma once

#include "CoreMinimal.h"

#include "hotseat/client.hpp"

// Returns a transport for hotseat::Options::transport. It waits in the thread of the call:
// in a frame use Client::submit, whose threads are the client's own. Redirects are the
// engine's to follow.
HOTSEAT_API hotseat::Transport MakeHotseatTransport();
