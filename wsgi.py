"""The WSGI entry point: any WSGI server imports `app` from here.

python wsgi.py         serves with Waitress, in an environment that is ready
flask run --debug      Flask's own development server
gunicorn wsgi:app      any other WSGI server, after `flask upgrade`
"""

from app import create_app
from app.serve import prepare, serve

app = create_app()

if __name__ == "__main__":
    serve(app)
else:
    prepare(app)
