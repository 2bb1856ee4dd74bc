"""`python -m arqueta`."""

from arqueta import main

main()
