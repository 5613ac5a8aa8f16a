# SPDX-License-Identifier: MIT
"""What the POLICYs of an INSTANCE allow together: Documentation/protocol.rst, "Attributes"."""

from wire import want

LEASE, RENEW, RETAIN, USES, OPERATIONS, EXPORT, ON_STALE, TEMPLATE, RATE = \
    113, 114, 115, 116, 117, 118, 119, 120, 121
ALL = 31


class Allowed:
    """instance: its TEMPLATE is each POLICY's that has one."""

    def __init__(self, policies, instance):
        self.operations, self.export = ALL, 0
        self.on_stale, self.retain = False, 0
        self.bounds = {t: self._least(policies, t) for t in (LEASE, RENEW, USES, RATE)}
        if policies:
            self.export = ALL
            self.retain = min(q.number(RETAIN, 0) for q in policies)
            self.on_stale = all(q.number(ON_STALE, 0) == 1 for q in policies)
        for q in policies:
            self.operations &= q.number(OPERATIONS, ALL)
            self.export &= q.number(EXPORT, 0)
            want(q.attr.get(TEMPLATE) in (None, instance.attr.get(TEMPLATE)), "another template")

    @staticmethod
    def _least(policies, t):
        given = [q.number(t) for q in policies if q.number(t, 0)]
        return min(given, default=0)
