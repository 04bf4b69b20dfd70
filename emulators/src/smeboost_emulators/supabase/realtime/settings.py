"""Settings of Realtime: the limits of a tenant under Supabase's defaults, and the limits of this process."""

from pydantic import Field
from smeboost_shared.settings import Settings


class RealtimeSettings(Settings):
    """How much one client, and all of them together, may ask for."""

    realtime_clients_max: int = Field(10_000, ge=1, validation_alias="SUPABASE_REALTIME_CLIENTS_MAX")
    realtime_channels_per_client_max: int = Field(
        100, ge=1, validation_alias="SUPABASE_REALTIME_CHANNELS_PER_CLIENT_MAX"
    )
    realtime_bindings_per_channel_max: int = Field(
        100, ge=1, validation_alias="SUPABASE_REALTIME_BINDINGS_PER_CHANNEL_MAX", description="of postgres_changes"
    )
    realtime_events_per_second_max: int = Field(
        100, ge=1, validation_alias="SUPABASE_REALTIME_EVENTS_PER_SECOND_MAX", description="sent by one client"
    )
    realtime_joins_per_second_max: int = Field(
        100, ge=1, validation_alias="SUPABASE_REALTIME_JOINS_PER_SECOND_MAX", description="of one client"
    )
    realtime_payload_max_bytes: int = Field(
        3_072_000, ge=1024, validation_alias="SUPABASE_REALTIME_PAYLOAD_MAX_BYTES", description="of one message"
    )
    realtime_queue_max: int = Field(
        1000, ge=1, validation_alias="SUPABASE_REALTIME_QUEUE_MAX", description="messages that wait for a slow client"
    )
    realtime_queue_max_bytes: int = Field(16_777_216, ge=1024, validation_alias="SUPABASE_REALTIME_QUEUE_MAX_BYTES")
    realtime_idle_seconds: float = Field(
        60, gt=0, validation_alias="SUPABASE_REALTIME_IDLE_SECONDS", description="silence after which a client is gone"
    )
    realtime_batch_max: int = Field(
        1000, ge=1, validation_alias="SUPABASE_REALTIME_BATCH_MAX", description="messages of one HTTP broadcast"
    )
    realtime_messages_keep_hours: int = Field(
        72, ge=1, validation_alias="SUPABASE_REALTIME_MESSAGES_KEEP_HOURS", description="rows of realtime.messages"
    )
    realtime_poll_seconds: float = Field(
        0.05, gt=0, le=60, validation_alias="SUPABASE_REALTIME_POLL_SECONDS", description="between looks at the log"
    )
    realtime_record_max_bytes: int = Field(
        1_048_576, ge=1024, validation_alias="SUPABASE_REALTIME_RECORD_MAX_BYTES", description="of one changed row"
    )
