"""The demonstration: an invented shop with its people, help centre and a morning's conversations."""

from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.enums import Role
from accounts.models import Team, User
from agents.models import Agent
from conversations.actions import Sender, hand_back, note, receive, reply, resolve, take_over
from conversations.models import Conversation, Event, Inbox, Message
from knowledge.actions import import_demo
from tickets.actions import create_ticket

# Name, password, role, teams. Printed at the start; the server listens on this machine only.
LOGINS = (
    ("ana", "ana-demo", Role.ADMIN, ()),
    ("bruno", "bruno-demo", Role.OPERATOR, ("support",)),
    ("clara", "clara-demo", Role.OPERATOR, ("finance",)),
)
SURNAMES = {"ana": "Ribeiro", "bruno": "Teixeira", "clara": "Nogueira"}
TEAMS = (
    ("support", "Support"),
    ("finance", "Finance"),
    ("sales", "Sales"),
    ("admin", "Administration"),
    ("general", "General"),
)


def load() -> None:
    """Loads what is missing of the demonstration; what is there is left as it is."""
    teams = {slug: Team.objects.get_or_create(slug=slug, defaults={"name": name})[0] for slug, name in TEAMS}
    users = {
        name: _user(name, password, role, [teams[slug] for slug in slugs])
        for name, password, role, slugs in LOGINS
    }
    import_demo()
    if Inbox.objects.exists():
        return
    with transaction.atomic():
        inbox = Inbox.objects.create(
            name="Loja Aurora",
            team=teams["support"],
            title="Loja Aurora",
            greeting="Olá. Pergunte sobre pedidos, entregas, trocas e pagamentos.",
            agent_name="Lia",
        )
        agent = Agent.objects.create(
            name="Lia", persona="You work for the online shop Loja Aurora. Be warm and brief."
        )
    _conversations(inbox, agent, users["bruno"])
    # Only now may the agent answer by itself: the conversations above are told, not played.
    agent.inboxes.add(inbox)


def _user(name: str, password: str, role: Role, teams: list[Team]) -> User:
    user, is_new = User.objects.get_or_create(
        username=name,
        defaults={
            "email": f"{name}@aurora.example",
            "first_name": name.title(),
            "last_name": SURNAMES[name],
            "role": role,
            "is_staff": True,
            "is_superuser": role == Role.ADMIN,
        },
    )
    if is_new:
        user.set_password(password)
        user.save(update_fields=["password"])
        user.teams.set(teams)
    return user


def _conversations(inbox: Inbox, agent: Agent, operator: User) -> None:
    """Writes a morning at the shop through the same actions that real messages take."""

    def said(name: str, text: str) -> Conversation:
        key = name.split(maxsplit=1)[0].lower()
        sender = Sender(f"user:demo-{key}", name=name, email=f"{key}@example.com", locale="pt-br")
        return receive(inbox=inbox, sender=sender, text=text).conversation

    human, machine = operator.as_actor(), agent.as_actor()

    late = said(
        "Marina Castro", "Meu pedido 48213 devia ter chegado ontem e o rastreio não muda há três dias."
    )
    said("Marina Castro", "É presente de aniversário, preciso saber se chega até sexta.")

    broken = said("Rafael Lima", "A chaleira chegou com a base quebrada. Como faço para trocar?")
    take_over(conversation=broken, by=human)
    reply(
        conversation=broken,
        text="Sinto muito, Rafael. Pode me mandar uma foto da base e da caixa? Com ela já peço a coleta.",
        by=human,
    )
    note(conversation=broken, text="Terceira chaleira deste lote com a base solta. Avisar compras.", by=human)
    create_ticket(
        by=human,
        subject="Chaleira com a base quebrada",
        description="Pedido 47990. Cliente pede troca.",
        conversation=broken,
    )

    card = said("Júlia Prado", "O pix foi debitado duas vezes no pedido 48377.")

    done = said("Tiago Alencar", "Vocês entregam em Manaus?")
    hand_back(conversation=done, by=human)
    reply(
        conversation=done,
        text="Sim, entregamos em Manaus. O prazo aparece no carrinho depois de informar o CEP.",
        by=machine,
    )
    said("Tiago Alencar", "Perfeito, obrigado.")
    resolve(conversation=done, by=human)
    _shift([(late, 47), (broken, 95), (card, 12), (done, 180)])


def _shift(minutes_ago: list[tuple[Conversation, int]]) -> None:
    """Moves conversations into the past, so that the desk shows waiting times as on a working day."""
    shifts: list[tuple[type[Message | Event], str]] = [(Message, "created_at"), (Event, "created_at")]
    for conversation, minutes in minutes_ago:
        by = timedelta(minutes=minutes)
        for model, field in shifts:
            model._default_manager.filter(conversation=conversation).update(**{field: F(field) - by})  # noqa: SLF001
        rows = Conversation.objects.filter(pk=conversation.pk)
        rows.update(created_at=F("created_at") - by, updated_at=F("updated_at") - by)
        rows.exclude(waiting_since=None).update(waiting_since=timezone.now() - by)
