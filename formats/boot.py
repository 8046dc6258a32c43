"""Why ROM refused: the codes in its error registers, which recovery mode and the application show."""

from enum import IntEnum


class BootError(IntEnum):
    """0 is no error. Of each slot, the first check that failed; of the boot, why nothing was started."""

    NONE = 0
    NOT_PROVISIONED = 1
    FUSES = 2
    FLASH = 3
    CONFIGURATION = 4
    MAP = 5
    NO_IMAGE = 6
    EMPTY = 16
    HEADER = 17
    LENGTH = 18
    TLVS = 19
    WRONG_CHIP = 20
    DOWNGRADE = 21
    KEY = 22
    SIGNATURE = 23
    NOT_CONFIRMED = 24
    ALTERED = 25
    LOCK = 32
    LOG = 33
    STATEMENT = 34

    @property
    def explanation(self) -> str:
        """The sentence that the host prints."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    BootError.NONE: "no error",
    BootError.NOT_PROVISIONED: "the chip has no identity yet: give it one with 'livetrap provision'",
    BootError.FUSES: "the fuses were not read, or hold what no provisioning writes",
    BootError.FLASH: "the flash does not answer, or is not the part that it should be",
    BootError.CONFIGURATION: "the configuration in flash is missing, or not the one whose digest is in the fuses",
    BootError.MAP: "ROM and chip have different register maps",
    BootError.NO_IMAGE: "neither slot holds an image that may be started",
    BootError.EMPTY: "the slot is empty",
    BootError.HEADER: "the image's header is not what every image begins with",
    BootError.LENGTH: "the image is larger than its slot or than SRAM, or is empty",
    BootError.TLVS: "the image's TLVs are not those that every image has",
    BootError.WRONG_CHIP: "the image was built for another register map",
    BootError.DOWNGRADE: "the image's security version is below what the fuses demand",
    BootError.KEY: "the configuration's firmware key is no HSS key of the chip's parameter set",
    BootError.SIGNATURE: "the image is not signed by the configuration's firmware key",
    BootError.NOT_CONFIRMED: "the image was tried before and did not confirm itself",
    BootError.ALTERED: "the image changed between its check and its start",
    BootError.LOCK: "the measurement cannot be locked",
    BootError.LOG: "the log cannot be recovered",
    BootError.STATEMENT: "the boot statement was refused, or was not made in time",
}
