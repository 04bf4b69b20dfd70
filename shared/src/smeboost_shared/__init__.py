"""What every member of SME Boost shares: errors, settings, serving, telemetry."""
