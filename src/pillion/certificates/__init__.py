"""X.509 as SPIFFE has it (X509-SVID): a mesh's own certificate authority, and certificates of its workloads.

Nothing here reads a clock or a file: who calls says what time it is, and keeps what comes out.
"""
