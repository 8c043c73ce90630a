"""The routing table as a document: what it holds, how two differ, how it is asked and served. Pure."""
