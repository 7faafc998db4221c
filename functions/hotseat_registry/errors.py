"""The errors of a registry, as one tree.

RegistryError
├─ BadNameError          a name or reference that cannot be read
├─ NotFoundError         there is nothing with that name
│  ├─ ModelNotFoundError
│  ├─ VersionNotFoundError
│  │  └─ RetiredError           (gc removed it)
│  └─ AliasNotFoundError
├─ ConflictError         another writer was first
│  ├─ ExistsError           (a key that may be created only once)
│  └─ AliasMovedError       (a lost compare-and-swap; the message names the winner)
├─ IntegrityError        bytes are not what their digest or manifest says
├─ RefusedError          a rule forbids it
│  ├─ GateError             (the evidence does not pass the model's gate)
│  ├─ UntrustedError        (no signature by a trusted key)
│  │  └─ ExpiredError          (a signed head, after its grace)
│  └─ NoKeyError            (the version is encrypted with another key)
├─ NoRoomError           this machine's disk has no room for a file
└─ StoreError            the folder or bucket cannot be reached or written
"""


class RegistryError(Exception):
    """Anything the registry refuses or cannot do."""


class BadNameError(RegistryError):
    """A model name, alias or reference that cannot be read."""


class NotFoundError(RegistryError):
    """There is nothing with that name."""


class ModelNotFoundError(NotFoundError):
    """No model of that name has a version."""


class VersionNotFoundError(NotFoundError):
    """The model has no version of that number."""


class RetiredError(VersionNotFoundError):
    """The version was retired by gc; its number stays, its files go."""


class AliasNotFoundError(NotFoundError):
    """The model has no alias of that name."""


class ConflictError(RegistryError):
    """Another writer was first."""


class ExistsError(ConflictError):
    """The key exists and may be created only once."""


class AliasMovedError(ConflictError):
    """The alias moved between reading and writing; the message names the winner."""


class IntegrityError(RegistryError):
    """Bytes are not what their digest or manifest says."""


class RefusedError(RegistryError):
    """A rule of the registry forbids it."""


class GateError(RefusedError):
    """The version's evidence does not pass the model's gate."""


class UntrustedError(RefusedError):
    """No signature by a trusted key."""


class ExpiredError(UntrustedError):
    """A signed head is past its expiry and the grace after it."""


class NoKeyError(RefusedError):
    """An encrypted version, without the key that it was encrypted with."""


class NoRoomError(RegistryError):
    """This machine's disk has no room for a file of a version."""


class StoreError(RegistryError):
    """The folder or bucket cannot be reached, read or written."""
