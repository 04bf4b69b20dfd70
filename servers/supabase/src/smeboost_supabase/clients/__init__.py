"""The doors to Supabase, one a service: nothing else imports its SDK or catches its errors."""
