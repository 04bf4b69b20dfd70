"""What may be asked at all: the OpenAPI document at the root, and the methods that OPTIONS names."""
