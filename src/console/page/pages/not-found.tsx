import { Link } from '../location.tsx';

export function NotFound() {
  return (
    <div class="state empty">
      <h1>There is no such page</h1>
      <p>
        <Link to="/">Go to the pulse of the fleet</Link>
      </p>
    </div>
  );
}
