"""Settings of storage, under the originals' names where they mean the same here."""

from pydantic import Field
from smeboost_shared.settings import Settings


class StorageSettings(Settings):
    """Where files are kept, how large they may be, and how much may go on at a time."""

    file_storage_path: str | None = Field(
        None,
        validation_alias="FILE_STORAGE_BACKEND_PATH",
        description="where files are kept; default: storage in SUPABASE_DATA_DIR, else .smeboost/supabase-storage",
    )
    file_size_limit_bytes: int = Field(
        52_428_800, ge=1, validation_alias="FILE_SIZE_LIMIT", description="bytes of the largest upload"
    )
    upload_url_expiry_seconds: int = Field(7200, ge=1, le=604_800, validation_alias="UPLOAD_SIGNED_URL_EXPIRATION_TIME")
    storage_threads: int = Field(
        4, ge=1, le=64, validation_alias="SUPABASE_STORAGE_THREADS", description="threads that read and write files"
    )
    storage_transfers_max: int = Field(
        200, ge=1, validation_alias="SUPABASE_STORAGE_TRANSFERS_MAX", description="uploads and downloads at a time"
    )
    storage_idle_seconds: float = Field(
        60, gt=0, le=600, validation_alias="SUPABASE_STORAGE_IDLE_SECONDS", description="silence that ends an upload"
    )
    storage_body_max_bytes: int = Field(
        1_048_576, ge=1024, validation_alias="SUPABASE_STORAGE_BODY_MAX_BYTES", description="JSON bodies, form fields"
    )
    storage_list_max: int = Field(
        1000, ge=1, validation_alias="SUPABASE_STORAGE_LIST_MAX", description="entries a page"
    )
    storage_names_max: int = Field(
        1000, ge=1, validation_alias="SUPABASE_STORAGE_NAMES_MAX", description="names in one request to remove or sign"
    )
    storage_sweep_seconds: float = Field(
        600, gt=0, validation_alias="SUPABASE_STORAGE_SWEEP_SECONDS", description="pause between two looks for orphans"
    )
    storage_orphan_seconds: float = Field(
        900,
        ge=0,
        validation_alias="SUPABASE_STORAGE_ORPHAN_SECONDS",
        description="age from which a file without a row is removed; longer than an upload may be silent",
    )
