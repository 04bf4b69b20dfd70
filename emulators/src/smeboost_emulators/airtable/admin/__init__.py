"""The admin path `/_emulator`: knobs, faults, time and state of a running emulator. Ours, not the vendor's."""
