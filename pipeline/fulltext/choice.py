"""Whether the page's text takes the place of the feed's: only where it is the same article and says more. Pure.

A wrong yes puts a stranger's words under an item's name and tags it for them; a wrong no keeps what the feed said. So
every doubt is a no.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.fulltext.page import PageText
from pipeline.fulltext.retries import PageOutcome
from pipeline.likeness import grams, share, size, weight
from pipeline.models import Item

_MORE, _AT_LEAST_MORE = 1.2, 40  # the page's text is longer by this factor and by so many letters
_LEAST = 100  # letters of an article
_WALLED = 1_000  # letters before or around a wall that are worth an article all the same
_LONG = 300  # letters from which on a feed's text must be found again in the page's
_LONG_ARTICLE = 800  # letters of a text that its headline alone can vouch for
_BEGINNING = 800  # characters of a feed's text that are compared
_A_HEADLINE = 15  # the weight of four words: less is a name
_ENOUGH_TO_COMPARE = 40  # the weight of a summary of a dozen words

_SENTENCE = re.compile(r"""[.!?…。！？][\s"'”’»」』)\]]*\Z""")
_GATE = re.compile(  # a line that asks for money, an account or consent before one may read
    r"to continue reading|continue reading (?:for|with)|keep reading for|subscribe to (?:read|continue|unlock)"
    r"|(?:for|to) subscribers only|subscriber[- ]only|already an? (?:subscriber|member)"
    r"|(?:sign|log) ?in to (?:continue|read|view)"
    r"|register to (?:continue|read)|create a free account|you have (?:read|reached) your"
    r"|abonnenten vorbehalten|mit .{0,20}(?:abo|plus) weiterlesen|bereits ein abo|mit werbung weiterlesen"
    r"|réservée? aux abonnés|déjà abonné|il vous reste .{0,20} à lire|pour lire la suite"
    r"|(?:exclusiv\w+|solo) para suscriptores|suscríbete para (?:leer|seguir|continuar)|inicia sesión para"
    r"|только (?:для )?подписчик|доступ\w* только подписчикам|войдите,? чтобы (?:читать|продолжить)"
    r"|有料会員(?:限定|になると)|会員限定(?:記事|の)|続きを読むには|残り\d+文字|登录后(?:阅读|查看)|订阅后(?:阅读|查看)|付费(?:后)?阅读"
    r"|유료\s?(?:회원|구독자)|(?:로그인|구독)\s?후\s?(?:이용|열람|읽)|전용\s?(?:기사|콘텐츠)",
    re.IGNORECASE,
)
_LONGEST_GATE = 300  # characters of such a line
_GUARD = re.compile(  # a page that asks whether we are a machine, or sends us away
    r"just a moment|checking (?:your browser|if the site)|enable javascript|verify (?:that )?you are (?:a )?human"
    r"|are you a robot|unusual (?:traffic|activity)|access (?:to this page )?(?:has been )?denied|captcha"
    r"|security check|attention required|request blocked"
    r"|비정상적인\s?(?:접근|접속)|자동\s?입력\s?방지|访问(?:过于频繁|被拒绝|异常)|安全验证"
    r"|アクセスが(?:制限|拒否)|подтвердите,? что вы не робот|доступ (?:ограничен|запрещ[её]н)|zugriff verweigert"
    r"|accès refusé|acceso denegado",
    re.IGNORECASE,
)
_LONGEST_GUARD = 1_200  # letters of such a page; a longer one writes about them


@dataclass(frozen=True, slots=True)
class Choice:
    """What to store: ``text`` where ``outcome`` is ``taken``, else what the feed said. ``reason`` is one clause."""

    outcome: PageOutcome
    reason: str
    text: str = ""


def choose(item: Item, page: PageText) -> Choice:
    """Whether ``page`` takes the place of ``item``'s content.

    It must be no wall and no front page, must speak of what the item speaks of, and must say more than the feed.
    """
    if not page.text:
        is_nothing = page.reason.startswith(("holds", "cannot", "is empty"))
        wall = _is_guard(page)
        return Choice("wall" if wall else "nothing" if is_nothing else "unsuitable", page.reason)
    if _is_guard(page):
        return Choice("wall", "asks whether we are a machine")
    lines = page.text.splitlines()
    kept = [line for line in lines if not _is_gate(line)]
    text = "\n".join(kept)
    if size(text) < _WALLED and (page.locked or len(kept) < len(lines)):
        return Choice("wall", "shows a paywall, a login or a consent form")
    told = max(item.summary, item.content, key=size)
    reason = _strangeness(item, told, page, text)
    if reason:
        return Choice("other", reason)
    if _prose(text) < max(_LEAST, _MORE * size(told) + _AT_LEAST_MORE):
        return Choice("enough", "says no more than the feed")
    return Choice("taken", "is the article, and says more than the feed", text)


def _prose(text: str) -> int:
    """Letters in the lines of ``text`` that are sentences: menus, buttons and lists of headlines say nothing more."""
    return sum(size(line) for line in text.splitlines() if len(line) > 100 or _SENTENCE.search(line))


def _is_guard(page: PageText) -> bool:
    return size(page.text) < _LONGEST_GUARD and any(_GUARD.search(text) for text in (*page.titles, page.text))


def _is_gate(line: str) -> bool:
    return len(line) <= _LONGEST_GATE and _GATE.search(line) is not None


def _strangeness(item: Item, told: str, page: PageText, text: str) -> str:
    """Why the page is not the item's; empty when it is.

    Its headline is the item's and its text speaks of the same; or it has another headline that its text speaks of, and
    the text holds most of what the feed says.
    """
    title, words = grams(item.title), grams(text)
    headline = max((share(title, grams(name)) for name in page.titles), default=0.0)
    speaks = share(title, words)
    beginning = grams(told[:_BEGINNING])
    is_told = weight(beginning) >= _ENOUGH_TO_COMPARE and told != item.title
    holds = share(beginning, words) if is_told else 0.0
    if _is_front(item.url, page.url, is_titled=headline >= 0.6):
        return "is a front page"
    if size(told) >= _LONG and share(grams(told), words) < 0.5:
        return "leaves out much of what the feed says"
    if headline >= 0.85 and (speaks >= 0.25 or holds >= 0.4):
        return ""
    if headline >= 0.5 and (holds >= 0.5 if is_told else speaks >= 0.4):
        return ""
    is_heading = max((share(title, grams(name)) for name in page.headings), default=0.0) >= 0.85
    if is_heading and size(text) >= _LONG_ARTICLE and max(speaks, holds) >= 0.15:  # a headline that plays with words
        return ""
    names = [name for one in page.titles if weight(name := grams(one)) >= _A_HEADLINE]
    is_about_it = any(share(name, words) >= 0.5 for name in names)  # a list's name says nothing of what it lists
    if is_told and holds >= 0.7 and (speaks >= 0.25 or not title) and is_about_it:
        return ""
    return "is about something else"


def _is_front(asked: str | None, answered: str, *, is_titled: bool) -> bool:
    """Whether another page answered, one above the one that was ``asked`` for: the site's or a section's."""
    try:
        there, here = urlsplit(asked or ""), urlsplit(answered)
    except ValueError:
        return False
    above, below = here.path.rstrip("/"), there.path.rstrip("/")
    if here.query or above == below:
        return False
    return re.fullmatch(r"(/index\.\w+|/home|/main)?", above) is not None or (
        not is_titled and below.startswith(f"{above}/")
    )
