"""Everybody who listens, by topic; who says something says it here."""

from collections.abc import Iterator, Mapping

from smeboost_emulators.supabase.realtime.channels import TOPIC_PREFIX, Channel
from smeboost_emulators.supabase.realtime.frames import Broadcast, Outgoing
from smeboost_emulators.supabase.realtime.presence import Metas, Presence

Room = tuple[str, bool]


class Hub:
    """The rooms of all topics; a room is a topic's name and whether it is private."""

    def __init__(self) -> None:
        # Dictionaries, because they keep the order in which channels came.
        self._rooms: dict[Room, dict[Channel, None]] = {}
        self._presence: dict[Room, Presence] = {}

    def enter(self, channel: Channel) -> None:
        """Let a channel hear what is said in its room."""
        self._rooms.setdefault(channel.room, {})[channel] = None

    def leave(self, channel: Channel) -> None:
        """Forget a channel; others in the room learn that who was tracked has left."""
        members = self._rooms.get(channel.room, {})
        members.pop(channel, None)
        if not members:
            self._rooms.pop(channel.room, None)
        self.untrack(channel)

    def broadcast(self, room: Room, said: Broadcast, *, sender: Channel | None = None) -> None:
        """Say something to everybody in a room, to the sender itself only when it wants that."""
        message = Outgoing(TOPIC_PREFIX + room[0], "broadcast", said)
        for channel in self._members(room):
            if channel.access.hear_broadcast and (channel is not sender or channel.request.to_self):
                channel.tell(message)

    def state(self, channel: Channel) -> Metas:
        """Who is in the channel's room."""
        presence = self._presence.get(channel.room)
        return presence.state() if presence else {}

    def track(self, channel: Channel, payload: Mapping[str, object]) -> None:
        """Show who is behind a channel."""
        presence = self._presence.setdefault(channel.room, Presence())
        self._tell(channel.room, presence.track(channel, channel.request.presence_key, payload))

    def untrack(self, channel: Channel) -> None:
        """Show it no more."""
        presence = self._presence.get(channel.room)
        difference = presence.untrack(channel) if presence else None
        if not presence:
            self._presence.pop(channel.room, None)
        if difference:
            self._tell(channel.room, difference)

    def _tell(self, room: Room, difference: dict[str, Metas]) -> None:
        message = Outgoing(TOPIC_PREFIX + room[0], "presence_diff", difference)
        for channel in self._members(room):
            if channel.presence_enabled and channel.access.hear_presence:
                channel.tell(message)

    def _members(self, room: Room) -> Iterator[Channel]:
        return iter(tuple(self._rooms.get(room, ())))
