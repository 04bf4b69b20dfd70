"""A local Amazon Bedrock: it answers in the wire format and says that it is an emulator."""
